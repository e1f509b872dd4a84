import { heartbeatSchema } from '../../../core/status.ts';
import {
  hostStartsFile,
  onAgentStart,
  startsToTell,
  type HostStarts,
} from '../../../agent/status/host-starts.ts';

const [minute, hour] = [60_000, 3_600_000];
const now = 1_795_000_000_000;
const host = (hostBootId: string, uptimeMs = 90_000) => ({ hostBootId, uptimeMs, now });
const kept = (over: Partial<HostStarts> = {}): HostStarts => ({
  ...{ hostBootId: 'h1', isRunning: true, agentStarts: [now - 2 * hour], ...over },
});

describe('starts of the host', () => {
  it('after a crash are told for a day, by the time of the boot', () => {
    const starts = onAgentStart(kept(), host('h2'));
    expect(starts).toMatchObject({ hostBootId: 'h2', uncleanBootAt: now - 90_000 });
    expect(startsToTell(starts, now)).toEqual({ uncleanBootAt: now - 90_000 });
    expect(startsToTell(starts, now + 23 * hour)).toHaveProperty('uncleanBootAt');
    expect(startsToTell(starts, now + 24 * hour)).toEqual({});
  });

  it.each([
    ['the agent was stopped before', kept({ isRunning: false }), 'h2'],
    ['the host is still the same', kept(), 'h1'],
    ['there was no agent before', undefined, 'h2'],
    ['the kernel does not tell', kept(), ''],
  ])('are no crash where %s', (_what, before, bootId) => {
    expect(onAgentStart(before, host(bootId))).not.toHaveProperty('uncleanBootAt');
  });

  it('are remembered over later starts of the agent', () => {
    const crashed = onAgentStart(kept(), host('h2'));
    expect(onAgentStart(crashed, host('h2', 5 * minute)).uncleanBootAt).toBe(now - 90_000);
  });
});

describe('starts of the agent', () => {
  it('are those of the last hour, and the first one is nothing to tell', () => {
    let starts = onAgentStart(kept(), host('h1'));
    expect(startsToTell(starts, now)).toEqual({});
    for (let i = 1; i <= 3; i++) starts = onAgentStart(starts, { ...host('h1'), now: now + i * 10 * minute });
    expect(startsToTell(starts, now + 30 * minute)).toEqual({ agent: 4 });
    expect(startsToTell(starts, now + 65 * minute)).toEqual({ agent: 3 });
    expect(startsToTell(starts, now + 3 * hour)).toEqual({});
  });

  it('of the future are none: the clock was set back', () => {
    expect(onAgentStart(kept({ agentStarts: [now + hour] }), host('h1')).agentStarts).toEqual([now]);
  });

  it('are bounded, in a loop as well', () => {
    let starts = kept();
    for (let i = 0; i < 500; i++) starts = onAgentStart(starts, { ...host('h1'), now: now + i });
    expect(hostStartsFile.schema.safeParse(starts).success).toBe(true);
    expect(heartbeatSchema.shape.starts.parse(startsToTell(starts, now + 500))).toEqual({ agent: 64 });
  });
});
