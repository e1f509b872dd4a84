import { createLossMeter } from '../../../agent/status/loss-meter.ts';
import { parseTcp } from '../../../agent/status/proc.ts';
import { recordedText } from './recorded-host.ts';

const minute = 60_000;

describe('the share of segments that were sent again', () => {
  it('is read from where the kernel counts them', () => {
    expect(parseTcp(recordedText('snmp'))).toEqual({ sent: 35501819, sentAgain: 162922 });
    expect(parseTcp('Tcp: a b\nTcp: 1 2\n')).toBeUndefined();
    expect(parseTcp('')).toBeUndefined();
  });

  it('is that of the last heartbeats that sent enough to tell', () => {
    const lossOf = createLossMeter();
    expect(lossOf({ sent: 1_000, sentAgain: 500 }, 0)).toBeUndefined();
    expect(lossOf({ sent: 1_100, sentAgain: 510 }, 5 * minute)).toBeUndefined();
    expect(lossOf({ sent: 1_250, sentAgain: 525 }, 10 * minute)).toBe(0.1);
    expect(lossOf({ sent: 2_250, sentAgain: 525 }, 15 * minute)).toBe(0);
  });

  it('is unknown of a host that sends next to nothing for an hour', () => {
    const lossOf = createLossMeter();
    for (let beat = 0; beat <= 24; beat++)
      expect(lossOf({ sent: 10 * beat, sentAgain: beat }, 5 * beat * minute)).toBeUndefined();
  });

  it('begins anew with counters or a clock that did', () => {
    const lossOf = createLossMeter();
    lossOf({ sent: 5_000, sentAgain: 0 }, 60 * minute);
    expect(lossOf({ sent: 300, sentAgain: 100 }, 65 * minute)).toBeUndefined();
    expect(lossOf({ sent: 900, sentAgain: 100 }, 10 * minute)).toBeUndefined();
    expect(lossOf({ sent: 1_900, sentAgain: 110 }, 15 * minute)).toBe(0.01);
  });
});
