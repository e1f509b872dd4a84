import { Command } from 'commander';
import type { AlertItem, GatewayItem, StatusItem } from '../../../core/model.ts';
import type { InventoryFacts } from '../../../core/patterns/attributes.ts';
import { noHistory } from '../../../core/patterns/history.ts';
import { silentLog } from '../../../core/log.ts';
import type { TickDeps } from '../../../lambda/alerts/ports.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { conditionLimits, gatewayItem, hours, minutes, statusItem, t0 } from '../../support/fleet.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';

/** `npm run simulate:tick`: what one look at a fleet of any size takes, the store's part left out. */
const program = new Command('simulate:tick')
  .description('one look of the status proxy at a fleet: time and memory, without the store')
  .option('--gateways <count>', 'in the fleet', '100000')
  .option('--dark <percent>', 'of the gateways, all of one region', '1')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExamples:\n  $ npm run simulate:tick -- --gateways 1000000')
  .action(async () => {
    const flags = program.opts<{ gateways: string; dark: string; json?: boolean }>();
    const gateways = wholeNumber('--gateways', flags.gateways, 100, 10_000_000);
    const dark = Math.floor((gateways * wholeNumber('--dark', flags.dark, 0, 100)) / 100);
    const looks = await threeLooks(gateways, dark);
    const maxRssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
    const report = { gateways, dark, looks, maxRssMiB };
    console.log(flags.json ? JSON.stringify(report) : report);
  });

const perCustomer = 4;
const text = (prefix: string, i: number): string => `${prefix}-${i}`;

/** Made as they are read, and forgotten with it, as a store's pages are. */
function* gatewayItems(count: number, dark: number): Generator<GatewayItem> {
  for (let i = 0; i < count; i++) {
    const customer = Math.floor(i / perCustomer);
    const item = gatewayItem({
      gatewayId: text('gw', i),
      tenantId: text('customer', customer),
      labels: { region: i < dark ? 'dark' : text('region', customer % 12), isp: text('isp', customer % 97) },
    });
    yield i < dark ? { ...item, route: undefined, routeLostAt: t0 } : structuredClone(item);
  }
}
function* statusItems(count: number, now: number): Generator<StatusItem> {
  for (let i = 0; i < count; i++) {
    const tenantId = text('customer', Math.floor(i / perCustomer));
    const agentVersion = text('7', i % 3);
    // Every hundredth is short of memory.
    const metrics = { 'system.memory.utilization': i % 100 === 0 ? 0.97 : 0.4 };
    const gatewayId = text('gw', i);
    yield structuredClone(
      statusItem({ gatewayId, tenantId, receivedAt: now }, { agentVersion, metrics, inventoryHash: 'h' }),
    );
  }
}
async function* later<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** The second look finds all alerts there, the third knows what both have in common. */
async function threeLooks(count: number, dark: number): Promise<{ ms: number; cpuMs: number }[]> {
  const alerts = new Map<string, AlertItem>();
  const facts: InventoryFacts[] = Array.from({ length: 60 }, (_, i) => ({
    ...{ os: text('os', i % 4), kernel: text('kernel', i), cpuModel: text('cpu', i % 20), nodeVersion: '24' },
    ...{ hardwareModel: text('machine', i % 9), diskModel: text('disk', i % 30) },
  }));
  let now = t0;
  let state: Awaited<ReturnType<NonNullable<TickDeps['patterns']>['detector']['load']>>['state'];
  const history = { ...noHistory(), watchedMs: 24 * hours };
  const deps: TickDeps = {
    alerts: {
      open: async () => [...alerts.values()].filter(({ openShard }) => openShard !== undefined),
      get: async (alertKey) => alerts.get(alertKey),
      put: async (item) => Boolean(alerts.set(item.alertKey, item)),
    },
    fleet: {
      gateways: () => later(gatewayItems(count, dark)),
      statuses: () => later(statusItems(count, now)),
    },
    events: { put: async (events) => new Set(events.map(({ eventId }) => eventId)) },
    limits: conditionLimits,
    patterns: {
      tickMs: minutes,
      inventory: {
        factsOf: (gatewayId) => facts[gatewayId.length * 7 + Number(gatewayId.slice(-1))],
        load: async () => undefined,
      },
      detector: {
        load: async () => ({ state, history }),
        save: async (next) => Boolean((state = next)),
        putBreakdown: async () => undefined,
      },
    },
    now: () => now,
    log: silentLog,
  };
  const looks: { ms: number; cpuMs: number }[] = [];
  for (let i = 0; i < 3; i++) {
    const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
    await runTick(deps);
    const { user, system } = process.cpuUsage(cpu);
    looks.push({ ms: Math.round(performance.now() - startedAt), cpuMs: Math.round((user + system) / 1_000) });
    now += minutes;
  }
  return looks;
}

await runScript(program);
