import { conditionById, conditions } from '../../../core/conditions/conditions.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { conditionLimits as limits, hours, minutes, volume } from '../../support/fleet.ts';
import { scenarios, type Scenario } from './condition-scenarios.ts';
import { makeConditionStages, type ConditionStage } from './condition-stage.ts';

let dynamo: TestDynamo;
let stages: Awaited<ReturnType<typeof makeConditionStages>>;
beforeAll(async () => {
  dynamo = await startDynamo();
  stages = await makeConditionStages(dynamo);
});
afterAll(async () => {
  await stages.close();
  await dynamo.close();
});

/** For so long, with a report each ten minutes and one at the end. */
async function lasts(stage: ConditionStage, step: Scenario['good'], ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10 * minutes) {
    await step(stage);
    stage.pass(10 * minutes);
  }
  await step(stage);
}
const told = (stage: ConditionStage) =>
  stage.events().map(({ type, conditionId, component }) => `${type} ${conditionId} ${component}`.trim());

test('every condition that raises an alert has a scenario', () => {
  const raising = conditions.filter(({ alerts }) => alerts !== false).map(({ id }) => id);
  expect(Object.keys(scenarios).sort()).toEqual(raising.sort());
});

describe('from the gateway’s frames to the bus, once each and nothing else:', () => {
  test.each(Object.entries(scenarios))('%s fires and resolves', async (id, scenario) => {
    const { component, good, bad, leadMs = 0, restMs = 0 } = scenario;
    const { forMs, clearForMs } = conditionById.get(id)!;
    const stage = await stages.gateway(`gw-${id}`);
    await good(stage);
    await stage.tick();
    expect(told(stage)).toEqual([]);

    stage.pass(5 * minutes);
    await lasts(stage, bad, leadMs);
    await stage.tick();
    const waitMs = forMs(limits);
    if (waitMs > 0) {
      expect(told(stage)).toEqual([]);
      stage.pass(waitMs);
      await bad(stage);
      await stage.tick();
    }
    const firing = `firing ${id} ${component}`.trim();
    expect(told(stage)).toEqual([firing]);

    stage.pass(5 * minutes);
    stage.pass(restMs);
    await good(stage);
    await stage.tick();
    if (clearForMs > 0) {
      expect(told(stage)).toEqual([firing]);
      stage.pass(clearForMs);
      await good(stage);
      await stage.tick();
    }
    expect(told(stage)).toEqual([firing, `resolved ${id} ${component}`.trim()]);
  });
});

test('a gateway of which a beat is missing is suspect, and nobody is told', async () => {
  const stage = await stages.gateway('gw-suspect');
  await stage.beat();
  stage.pass(8 * minutes);
  await stage.tick();
  stage.pass(minutes);
  await stage.tick();
  expect(told(stage)).toEqual([]);
});

test('a heartbeat that did not look at a disk’s counts resolves nothing, and one that did does', async () => {
  const stage = await stages.gateway('gw-disk');
  const pending = { name: 'sda', state: 'ok', smart: { pendingSectors: 3 } } as const;
  await stage.beat({ disks: [pending] });
  await stage.tick();
  stage.pass(5 * minutes);
  await stage.beat({ checked: ['disks', 'heat'] });
  await stage.tick();
  // All counts were looked at, and this disk is named for its heat: its own could not be read.
  stage.pass(5 * minutes);
  await stage.beat({ disks: [{ name: 'sda', state: 'ok', temperatureC: 60 }] });
  await stage.tick();
  expect(told(stage)).toEqual(['firing SmartPrefail sda']);
  stage.pass(5 * minutes);
  await stage.beat();
  await stage.tick();
  expect(told(stage)).toEqual(['firing SmartPrefail sda', 'resolved SmartPrefail sda']);
});

test('a process that was killed between two ticks is told of, and a restart of the host forgets none', async () => {
  const stage = await stages.gateway('gw-killer');
  const beat = (count: number, uptimeMs: number) =>
    stage.beat({ metrics: { 'gateway.host.oom_kills': count, 'gateway.host.uptime': uptimeMs } });
  await beat(4, 50 * hours);
  await stage.tick();
  stage.pass(5 * minutes);
  await beat(5, 50 * hours);
  stage.pass(5 * minutes);
  await beat(0, minutes);
  await stage.tick();
  expect(told(stage)).toEqual(['firing OomKill']);
});

test('a tenant’s own thresholds count from the next tick on, and what it switched off resolves', async () => {
  const stage = await stages.gateway('gw-set');
  await stage.beat({
    volumes: [volume({ lastSnapshotAt: stage.now, state: 'failed', failure: 'truncated' })],
  });
  await stage.tick();
  const fired = told(stage);
  expect(fired).toEqual(['firing VolumeIrrecoverable vol-1']);
  await stage.setConditions({
    VolumeIrrecoverable: { isOff: true },
    MemoryHigh: { raiseAt: 0.3, clearAt: 0.2, forMs: 0, severity: 'critical' },
  });
  await stage.tick();
  expect(new Set(told(stage))).toEqual(
    new Set([...fired, 'resolved VolumeIrrecoverable vol-1', 'firing MemoryHigh']),
  );
  expect(stage.events().find(({ conditionId }) => conditionId === 'MemoryHigh')).toMatchObject({
    severity: 'critical',
  });
  await stage.setConditions({});
});
