import { conditionById, conditions } from '../../../core/conditions/conditions.ts';
import {
  conditionsByTenant,
  conditionView,
  effective,
  overrideProblem,
  overrideSchema,
  type ConditionOverride,
} from '../../../core/conditions/settings.ts';
import { conditionLimits as limits, minutes } from '../../support/fleet.ts';

const row = (id: string) => conditionById.get(id)!;

test.each<[string, ConditionOverride, RegExp, RegExp]>([
  [
    'MemoryHigh',
    { raiseAt: 0.8 },
    /raised at 80 % and above.*clear below that, and not at 85 %/,
    /both thresholds.*clear at below/,
  ],
  ['MemoryHigh', { clearAt: 0.95 }, /clear below/, /both thresholds/],
  ['MemoryHigh', { raiseAt: 95 }, /between 0 % and 100 %/, /raised at 95 % and above/],
  [
    'CacheHitLow',
    { raiseAt: 0.7 },
    /raised at 70 % and below.*clear above that, and not at 60 %/,
    /both thresholds.*clear at above/,
  ],
  [
    'CertificateExpiring',
    { clearAt: 60 * 24 * 60 * minutes },
    /between 0s and 30d/,
    /raised at 14d and below/,
  ],
  [
    'DiskHot',
    { raiseAt: 10, clearAt: 15 },
    /clears at 12 °C or lower: gateways tell nothing above that/,
    /clear at 12 °C or lower/,
  ],
  [
    'NvmeWear',
    { raiseAt: 0.6, clearAt: 0.5 },
    /clears at 85 % or higher: gateways tell nothing below that/,
    /clear at 85 % or higher/,
  ],
  ['VolumeIrrecoverable', { raiseAt: 2 }, /no thresholds/, /severity, or switch it off/],
  ['SuspectOffline', { severity: 'critical' }, /raises no alert/, /one that raises alerts/],
  ['Offline', { forMs: 10_000 }, /waits for 30s at least/, /wait for 30s or longer/],
])('%s cannot be set to %j', (id, override, problem, hint) => {
  expect(overrideProblem(row(id), override, limits)).toMatchObject({
    message: expect.stringMatching(problem),
    hint: expect.stringMatching(hint),
  });
  expect(effective(row(id), override, limits)).toBe(row(id));
});

test('degrees that were set while DiskHot was judged by degrees alone are not taken for degrees below a limit', () => {
  for (const old of [{ raiseAt: 75, clearAt: 68 }, { raiseAt: 75 }, { clearAt: 60 }])
    expect(effective(row('DiskHot'), old, limits)).toBe(row('DiskHot'));
});

test.each<[string, ConditionOverride]>([
  ['MemoryHigh', { raiseAt: 0.8, clearAt: 0.7 }],
  ['CacheHitLow', { raiseAt: 0.2, clearAt: 0.3 }],
  ['DiskHot', { raiseAt: 2, clearAt: 8 }],
  ['Offline', { forMs: 60 * minutes }],
  ['VolumeIrrecoverable', { isOff: true }],
  ['LinkLatency', { raiseAt: 900, clearAt: 600, severity: 'info' }],
])('%s can be set to %j', (id, override) => {
  expect(overrideProblem(row(id), override, limits)).toBeUndefined();
});

test('every row stands as an override of itself', () => {
  for (const { id, unit, alerts, raiseAt, clearAt, severity } of conditions.filter(
    (c) => c.alerts !== false,
  )) {
    const own = { severity, ...(unit === 'flag' ? {} : { raiseAt, clearAt }) };
    expect([id, alerts, overrideProblem(row(id), own, limits)]).toEqual([id, undefined, undefined]);
  }
});

test('a tenant’s rows are the table’s but for what it has set; another tenant’s are the table itself', () => {
  const overrides = {
    MemoryHigh: { raiseAt: 0.99, forMs: 0, severity: 'critical' as const },
    CacheHitLow: { isOff: true },
    // Of a release before: nobody looks for it any more.
    Forgotten: { isOff: true },
  };
  const rowsOf = conditionsByTenant([{ tenantId: 'acme', version: 3, overrides }], limits);
  expect(rowsOf('other')).toBe(conditions);
  const rows = new Map(rowsOf('acme').map((c) => [c.id, c]));
  expect(rows.size).toBe(conditions.length - 1);
  const memory = rows.get('MemoryHigh')!;
  expect([memory.raiseAt, memory.clearAt, memory.forMs(limits), memory.severity]).toEqual([
    0.99,
    0.85,
    0,
    'critical',
  ]);
  expect(rows.get('FsFull')).toBe(row('FsFull'));
});

test('settings that are damaged cost what is damaged of them, and nobody else’s', () => {
  const overrides = { MemoryHigh: { raiseAt: '0.5' }, FsFull: { raiseAt: 0.99, ofLater: 1 } };
  const damaged = [
    { tenantId: 'lost', version: 1 },
    { tenantId: 'acme', version: 3, overrides },
  ] as never;
  const rowsOf = conditionsByTenant(damaged, limits);
  expect(rowsOf('lost')).toEqual(conditions);
  const raiseAt = (id: string) => rowsOf('acme').find((each) => each.id === id)?.raiseAt;
  expect([raiseAt('MemoryHigh'), raiseAt('FsFull')]).toEqual([row('MemoryHigh').raiseAt, 0.99]);
});

test('what people see says what holds, and what was set otherwise', () => {
  const override = { raiseAt: 0.99, isOff: true };
  expect(conditionView(row('MemoryHigh'), override, limits)).toMatchObject({
    conditionId: 'MemoryHigh',
    raiseAt: 0.99,
    clearAt: 0.85,
    isOff: true,
    override,
    runbook: 'docs/runbooks.md#memoryhigh',
  });
  expect(conditionView(row('MemoryHigh'), undefined, limits)).not.toHaveProperty('override');
});

test('an override is read strictly', () => {
  expect(overrideSchema.safeParse({ raiseAt: 0.5, wishes: 1 }).success).toBe(false);
  expect(overrideSchema.safeParse({ forMs: 8 * 24 * 60 * minutes }).success).toBe(false);
  expect(overrideSchema.safeParse({ raiseAt: 1e300 }).success).toBe(false);
});
