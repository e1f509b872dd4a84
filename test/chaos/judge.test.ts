import { violationsOf, type Remembered, type Sent } from './judge.ts';

const probe: Sent = { gatewayId: 'a', commandId: 'p', kind: 'probe', state: 'SUCCEEDED' };
const snapshot: Sent = { gatewayId: 'a', commandId: 's', kind: 'snapshot.create', state: 'SUCCEEDED' };
const restart: Sent = { gatewayId: 'a', commandId: 'r', kind: 'service.restart', state: 'SUCCEEDED' };
const done: Remembered = { starts: 1, startedAt: 10, endedAt: 20, status: 'SUCCEEDED' };
const journals = (of: Record<string, Record<string, Remembered>>) =>
  new Map(Object.entries(of).map(([gatewayId, entries]) => [gatewayId, new Map(Object.entries(entries))]));
const judged = (sent: Sent[], a: Record<string, Remembered>, b: Record<string, Remembered> = {}) =>
  violationsOf(sent, journals({ a, b }));

describe('the end of a command is right', () => {
  it('where it succeeded in the cloud and in the journal, started once', () => {
    expect(judged([probe, snapshot], { p: done, s: done })).toEqual([]);
  });

  it('where what may run twice was started again', () => {
    expect(judged([probe], { p: { ...done, starts: 2 } })).toEqual([]);
  });

  it.each(['FAILED', 'INDETERMINATE'] as const)(
    'where a restart met a snapshot under way and it %s',
    (state) => {
      const met = { ...done, status: state };
      expect(judged([{ ...snapshot, state }, restart], { s: met, r: done })).toEqual([]);
    },
  );
});

describe('a command that somebody canceled', () => {
  const canceled: Sent = { ...probe, isCanceled: true };

  it('may end so before it reached its gateway, or there', () => {
    const end: Sent = { ...canceled, state: 'CANCELED' };
    expect(judged([end], {})).toEqual([]);
    expect(judged([end], { p: { starts: 1, status: 'CANCELED' } })).toEqual([]);
  });

  it('may have been done by then', () => {
    expect(judged([canceled], { p: done })).toEqual([]);
  });

  it('must not be called canceled where it was done, or where nobody asked', () => {
    expect(judged([{ ...canceled, state: 'CANCELED' }], { p: done })).toHaveLength(1);
    expect(judged([{ ...probe, state: 'CANCELED' }], { p: { ...done, status: 'CANCELED' } })).toHaveLength(1);
  });
});

describe('the end of a command is wrong', () => {
  it.each<[string, Sent, Record<string, Remembered>, RegExp]>([
    ['it is lost', { ...probe, state: undefined }, { p: done }, /is lost/],
    ['it is not final', { ...probe, state: 'SENT' }, { p: done }, /is still SENT/],
    ['it was never started', probe, { p: { ...done, starts: 0 } }, /without a start/],
    ['no journal knows it', probe, {}, /has no end in the journal/],
    ['what must not run twice was started twice', snapshot, { s: { ...done, starts: 2 } }, /started 2 times/],
    ['the journal has another end', probe, { p: { ...done, status: 'FAILED' } }, /FAILED in the journal/],
    [
      'it failed of itself',
      { ...probe, state: 'FAILED', error: 'IO: no disk' },
      { p: { ...done, status: 'FAILED' } },
      /ended FAILED: IO: no disk/,
    ],
    [
      'a snapshot failed that no restart met',
      { ...snapshot, state: 'FAILED' },
      { s: { ...done, status: 'FAILED' } },
      /ended FAILED/,
    ],
  ])('where %s', (_, sent, entries, problem) => {
    expect(judged([sent], entries)).toContainEqual(expect.stringMatching(problem));
  });

  it('where a restart came only after the snapshot', () => {
    const failed = { ...done, status: 'FAILED' as const };
    const later = { ...done, startedAt: 30, endedAt: 40 };
    expect(judged([{ ...snapshot, state: 'FAILED' }, restart], { s: failed, r: later })).toHaveLength(1);
  });

  it('where it reached another gateway as well', () => {
    expect(judged([probe], { p: done }, { p: done })).toEqual([
      expect.stringMatching(/also reached b/) as string,
    ]);
  });
});
