import { apiRoutes, operatorRoutes, type ApiRouteName } from '../../../core/api-routes.ts';
import {
  askedFacts,
  auditedFleetRoutes,
  auditedRoutes,
  ownEntries,
  unrecorded,
} from '../../../core/audit/actions.ts';
import { auditEntry, entryKeyForm, finalEntry, submitEntry } from '../../../core/audit/entry.ts';
import { auditViews } from '../../../core/audit/view.ts';
import { transition } from '../../../core/commands/machine.ts';
import { newCommand } from '../../../core/commands/submission.ts';
import type { CommandItem } from '../../../core/model.ts';
import type { AuditItem } from '../../../core/audit/audit-item.ts';

const start = 1_800_000_000_000;

function command(params: Record<string, string> = { volumeId: 'v1' }): CommandItem {
  return newCommand(
    { kind: 'volume.check', params, whenOffline: 'queue' },
    {
      gatewayId: 'gw-1',
      tenantId: 'acme',
      idempotencyKey: 'k',
      openSeq: 1,
      submittedBy: { kind: 'operator', id: 'op' },
      viaCellId: 'cell-2',
      at: start,
    },
  );
}
function canceled(item: CommandItem): CommandItem {
  return transition(item, { type: 'cancel', at: start + 7, by: 'operator op' }).next!;
}
const from = { requestId: 'r-1', sourceIp: '192.0.2.7', userAgent: 'curl/8' };

/** Object keys the other way round: a store gives them back in no order. */
function turned<T>(value: T): T {
  if (Array.isArray(value)) return value.map(turned) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, inner]) => [name, turned(inner as unknown)]),
  ) as T;
}

describe('the entries of a command', () => {
  it('say at submit who sent what, from where', () => {
    expect(submitEntry(command(), from)).toMatchObject({
      tenantId: 'acme',
      gatewayId: 'gw-1',
      gatewayKey: 'acme/gw-1',
      at: start,
      action: 'command.submit',
      actor: { kind: 'operator', id: 'op' },
      from,
      subject: { commandId: command().commandId },
      details: {
        kind: 'volume.check',
        params: { volumeId: 'v1' },
        bodyHash: command().bodyHash,
        cellId: 'cell-2',
      },
    });
  });

  it('say at the end what became of it, by the server’s clock, with every transition', () => {
    expect(finalEntry(canceled(command()))).toMatchObject({
      at: start + 7,
      action: 'command.final',
      outcome: { state: 'CANCELED' },
      details: { attempts: 0, submittedAt: start, transitions: [{ state: 'QUEUED' }, { state: 'CANCELED' }] },
    });
  });

  it('are the same whoever makes them, from the item in whatever order a store gives it back', () => {
    const item = canceled(command());
    expect(finalEntry(turned(item))).toEqual(finalEntry(item));
  });

  it('leave large parameters out and keep their hash', () => {
    const item = { ...command(), params: { text: 'x'.repeat(5_000) } };
    const { details } = submitEntry(item, from);
    expect(details).toMatchObject({ paramsLeftOut: true, bodyHash: item.bodyHash });
    expect(details).not.toHaveProperty('params');
  });

  it('stay below 20 KB at the most transitions that a command keeps', () => {
    const audit = Array.from({ length: 40 }, () => ({
      at: start,
      state: 'SENT' as const,
      note: 'n'.repeat(5_000),
    }));
    expect(JSON.stringify(finalEntry({ ...canceled(command()), audit })).length).toBeLessThan(20_000);
  });
});

describe('an entry’s key', () => {
  const facts = {
    tenantId: 'acme',
    about: 'r-1',
    at: 5,
    action: 'token.create',
    step: 'ended',
    actor: { kind: 'operator', id: 'op' },
    subject: {},
  } as const;

  it('sorts by time and can be a page’s next', () => {
    const keys = [999, 1_000, start].map((at) => auditEntry({ ...facts, at }).entryKey);
    expect(keys.toSorted()).toEqual(keys);
    for (const key of keys) expect(key).toMatch(entryKeyForm);
  });

  it('is another one for every other thing that is said', () => {
    const others = [
      { ...facts, subject: { tokenId: 't' } },
      { ...facts, outcome: { state: 'DONE' } as const },
      { ...facts, actor: { kind: 'operator', id: 'eve' } as const },
    ];
    expect(new Set([facts, ...others].map((each) => auditEntry(each).entryKey)).size).toBe(4);
  });
});

describe('what people see', () => {
  const change = (about: string, at: number): [AuditItem, AuditItem] => {
    const facts = { tenantId: 'acme', about, at, action: 'token.delete', actor: { kind: 'operator', id: 'op' }, subject: {} } as const; // prettier-ignore
    return [
      auditEntry({ ...facts, step: 'asked' }),
      auditEntry({ ...facts, step: 'ended', outcome: { state: 'DONE' } }),
    ];
  };

  it('is a change once, and UNKNOWN where nobody wrote how it ended', () => {
    const [asked, ended] = change('r-1', 5);
    const [alone] = change('r-2', 4);
    const views = auditViews([ended, asked, alone]);
    expect(views.map(({ outcome }) => outcome.state)).toEqual(['DONE', 'UNKNOWN']);
    expect(views[0]).not.toHaveProperty('step');
  });

  it('is a change once also where a page ends inside it', () => {
    const [asked, ended] = change('r-1', 5);
    expect(auditViews([asked], ended.entryKey)).toEqual([]);
  });
});

describe('a route that changes something', () => {
  const changing = (Object.keys(apiRoutes) as ApiRouteName[]).filter(
    (name) => apiRoutes[name].method !== 'GET',
  );

  it('has an action', () => {
    expect(Object.keys(auditedRoutes).concat(ownEntries, unrecorded).sort()).toEqual(changing.sort());
    const ofFleet = Object.entries(operatorRoutes).filter(([, { method }]) => method !== 'GET');
    expect(Object.keys(auditedFleetRoutes).sort()).toEqual(ofFleet.map(([name]) => name).sort());
  });

  it('tells of its body what is listed, never a secret', () => {
    const body = { challenge: 'hfc_1', role: 'tenant-admin' };
    const params = { subscriptionId: 'main', tenantId: 'acme' };
    expect(askedFacts(auditedRoutes.confirmSubscription!, params, body)).toEqual({
      gatewayId: undefined,
      subject: { subscriptionId: 'main' },
    });
    const answer = auditedRoutes.createActivationCode!.answer!({
      code: 'hfa_s3cret',
      tenantId: 'acme',
      expiresAt: 9,
    });
    expect(JSON.stringify(answer)).not.toContain('s3cret');
  });
});
