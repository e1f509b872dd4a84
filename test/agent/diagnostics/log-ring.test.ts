import { LogRing, logToAll } from '../../../agent/diagnostics/log-ring.ts';

const ring = (bounds: { linesMax?: number; bytesMax?: number } = {}) =>
  new LogRing({ redact: (text) => text.replaceAll('hush', '…'), now: () => 0, ...bounds });
const events = (of: LogRing) => of.section().lines.map(({ event }) => event);

it('keeps the newest lines, counts those that had no room, and leaves debug lines out', () => {
  const kept = ring({ linesMax: 3 });
  for (let i = 0; i < 5; i++) kept.log('info', `e${i}`);
  kept.log('debug', 'much');
  expect(events(kept)).toEqual(['e2', 'e3', 'e4']);
  expect(kept.section().droppedLines).toBe(2);
});

it('keeps no more bytes than it may', () => {
  const kept = ring({ bytesMax: 1_000 });
  for (let i = 0; i < 50; i++) kept.log('warn', `e${i}`, { message: 'm'.repeat(100) });
  const { lines, droppedLines } = kept.section();
  expect(JSON.stringify(lines).length).toBeLessThanOrEqual(1_002);
  expect([lines.length + droppedLines, events(kept).at(-1)]).toEqual([50, 'e49']);
});

it('keeps no secret, neither in a text nor under a name that says so', () => {
  const kept = ring();
  kept.log('error', 'failed', { error: 'said hush', sessionToken: 'AQoD', count: 3, gone: undefined });
  expect(kept.section().lines).toEqual([
    {
      at: '1970-01-01T00:00:00.000Z',
      level: 'error',
      event: 'failed',
      error: 'said …',
      sessionToken: '[redacted]',
      count: 3,
    },
  ]);
});

it('hears what the other log hears', () => {
  const kept = ring();
  const heard: string[] = [];
  logToAll((_, event) => void heard.push(event), kept.log)('info', 'both');
  expect([heard, events(kept)]).toEqual([['both'], ['both']]);
});
