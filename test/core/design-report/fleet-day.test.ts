import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { dayMs, FleetDayBuilder } from '../../../core/design-report/fleet-day.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heldBytes = (): number => {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

const day = 20_000;
const valuesOf = (version: string, cell: string) =>
  attributeNames.map((name) => (name === 'agentVersion' ? version : name === 'cell' ? cell : 'v'));

test('a gateway takes a few numbers while the fleet is read: a million of them fit beside all else', () => {
  const gateways = Array.from({ length: 100_000 }, (_, i) => ({
    gatewayId: `gw-${i}`,
    tenantId: `t-${i % 99}`,
  }));
  const values = valuesOf('1.0.0', 'cell-1');
  const bytesEach = () => {
    const before = heldBytes();
    const builder = new FleetDayBuilder(day);
    for (const gateway of gateways) builder.add(gateway, values, []);
    const bytes = (heldBytes() - before) / gateways.length;
    expect(builder.build().gatewayIds).toHaveLength(gateways.length);
    return bytes;
  };
  // Whatever else the process keeps meanwhile is in it too, and not each time.
  expect(Math.min(bytesEach(), bytesEach(), bytesEach())).toBeLessThan(150);
});

test('what gateways met is told by their places among those that are not of silent cells', () => {
  const builder = new FleetDayBuilder(day);
  const began = { conditionId: 'DiskFailed', since: day * dayMs + 1, isNow: true };
  const stood = { conditionId: 'DiskFailed', since: day * dayMs - 1, isNow: true };
  const over = { ...stood, conditionId: 'DiskHot', isNow: false };
  const add = (gatewayId: string, tenantId: string, cell: string, met: (typeof began)[]) =>
    builder.add({ gatewayId, tenantId }, valuesOf('1.0.0', cell), met);
  add('gw-4', 'acme', 'cell-1', [began]);
  add('gw-3', 'zeta', 'cell-1', [stood]);
  add('gw-2', 'acme', 'silent', [{ ...began, conditionId: 'DiskHot' }]);
  add('gw-1', 'acme', 'cell-1', [began, over]);
  const { gatewayIds, onsets, standing } = builder.build(new Set(['silent']));
  expect(gatewayIds).toEqual(['gw-1', 'gw-4', 'gw-3']);
  expect(onsets).toEqual({ DiskFailed: [0, 1] });
  expect(standing).toEqual({ DiskFailed: [2] });
});
