import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transition, type CommandEvent } from '../../core/commands/machine.ts';
import { newCommand } from '../../core/commands/submission.ts';
import { timeoutGraceMs } from '../../core/commands/states.ts';
import { downstreamBodies, parseDownstream, parseUpstream, upstreamBodies } from '../../core/messages.ts';
import { openCommandStates, type CommandItem } from '../../core/model.ts';
import { isNamedTest } from '../support/named-tests.ts';
import { violationMeanings } from '../simulation/connections/tally.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${repository}/docs/protocol.md`, 'utf8');
const section = (title: string) => page.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
const examples = (title: string) =>
  [...section(title).matchAll(/^\{"v":.*$/gm)].map(([line]) => ({
    line,
    t: (JSON.parse(line) as { t: string }).t,
  }));

describe('docs/protocol.md', () => {
  it.each([
    ['From the gateway', upstreamBodies, parseUpstream],
    ['From the cloud', downstreamBodies, parseDownstream],
  ])('shows every message “%s” with an example that is valid', (title, bodies, parse) => {
    const shown = examples(title);
    expect(shown.map(({ t }) => t).sort()).toEqual(Object.keys(bodies).sort());
    expect(shown.map(({ line }) => parse(line)).filter((parsed) => !parsed.ok)).toEqual([]);
  });

  it('says what the machine makes of every state and event', () => {
    expect(tableIn(section('The life of a command'))).toEqual(machineTable());
  });

  it('says what each count of the simulation means', () => {
    const listed = [...section('What holds').matchAll(/^- `(\w+)`: (.+)$/gm)].map(([, name, meaning]) => [
      name,
      meaning,
    ]);
    expect(listed).toEqual(Object.entries(violationMeanings));
  });

  it('names a test for each invariant, and each of them is there', () => {
    const rows =
      section('What holds, and which test says so')
        .match(/^\| .* \|$/gm)
        ?.slice(2) ?? [];
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((row) => !isNamedTest(row))).toEqual([]);
  });
});

function tableIn(text: string): string[][] {
  const rows = text.match(/^\|.*\|$/gm) ?? [];
  return rows
    .filter((row) => !/^[| -]+$/.test(row))
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const at = 1_000_000;
const events: Record<string, (item: CommandItem) => CommandEvent> = {
  claimed: () => ({ type: 'claim', at, epoch: 6 }),
  'not posted': () => ({ type: 'unsent', at, attempt: 1 }),
  '`cmd.ack`': () => ({ type: 'ack', at, attempt: 1, journalId: 'j1' }),
  '`cmd.progress`': () => ({ type: 'progress', at, attempt: 1, fraction: 0.5 }),
  '`cmd.result`': () => ({
    type: 'result',
    at,
    attempt: 1,
    outcome: { status: 'FAILED' },
    startedAt: 1,
    endedAt: 2,
  }),
  'cancel asked': () => ({ type: 'cancel', at, by: 'op' }),
  'hello, same journal': () => ({ type: 'reconcile', at, journalId: 'j1', staleGrant: false }),
  'hello, other journal': () => ({ type: 'reconcile', at, journalId: 'j2', staleGrant: false }),
  expiry: (item) => ({ type: 'tick', at: item.expiresAt, online: true }),
  'time-out': (item) => ({ type: 'tick', at: at + item.timeoutMs + timeoutGraceMs, online: true }),
  revoked: () => ({ type: 'revoked', at }),
};

/** For kinds that may run twice; where those that must not differ, they stand behind a slash. */
function machineTable(): string[][] {
  const kinds = ['volume.check', 'service.restart'];
  const states = [...openCommandStates, 'SUCCEEDED'] as const;
  const rows = states.map((state) => [
    state === 'SUCCEEDED' ? 'final' : state,
    ...Object.entries(events).map(([name, event]) => {
      const cells = kinds.map((kind) => {
        const item = inState(state, kind, name === 'expiry' ? 60_000 : 24 * 3_600_000);
        const { next, effects } = transition(item, event(item));
        const posts = effects.flatMap((effect) =>
          effect.do === 'post' && effect.draft.t !== 'cmd' ? [`\`${effect.draft.t}\``] : [],
        );
        const moved = next && next.state !== item.state ? [next.state] : [];
        return [...moved, ...posts].join(' ') || '–';
      });
      return cells[0] === cells[1] ? cells[0]! : cells.join(' / ');
    }),
  ]);
  return [['', ...Object.keys(events)], ...rows];
}

function inState(state: CommandItem['state'], kind: string, expiresInMs: number): CommandItem {
  const params = kind === 'volume.check' ? { volumeId: 'v1' } : {};
  const context = { gatewayId: 'g', tenantId: 't', idempotencyKey: 'k', openSeq: 1, at };
  const queued = newCommand(
    { kind, params, whenOffline: 'queue', expiresInMs },
    { ...context, submittedBy: { kind: 'operator', id: 'op' } },
  );
  const acked = { attempt: 1, ackedAt: at, ackedJournalId: 'j1' };
  // Posted before and taken back: an ack or a result of that attempt may still come.
  if (state === 'QUEUED') return { ...queued, attempt: 1 };
  if (state === 'SENT') return { ...queued, state, attempt: 1, sentEpoch: 5, claimUntil: at + 30_000 };
  return { ...queued, ...acked, state };
}
