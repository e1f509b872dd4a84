import { PingRecord } from '../../agent/connection/ping-record.ts';

describe('pings', () => {
  it('give the middle one of the last round trips, whatever a single one took', () => {
    const pings = new PingRecord();
    expect(pings.rttMs).toBeUndefined();
    for (const rttMs of [900, 900, 900, 20, 22, 2_000, 21, undefined, 23]) pings.add(rttMs);
    expect(pings.rttMs).toBe(22);
  });

  it('give the share that had no answer, of the last half hour and once there are enough', () => {
    const pings = new PingRecord();
    for (let i = 0; i < 4; i++) pings.add(undefined);
    expect(pings.loss).toBeUndefined();
    pings.add(20);
    expect(pings.loss).toBe(0.8);
    for (let i = 0; i < 29; i++) pings.add(20);
    expect(pings.loss).toBe(0);
  });
});
