import { runTick } from '../../../lambda/alerts/tick.ts';
import { conditionLimits, gatewayItem, statusItem, pagesOf, t0 } from '../../support/fleet.ts';

/** What a look at a fleet of so many gateways logs as an error. */
async function errorsOf(count: number, over: Parameters<typeof gatewayItem>[0] = {}): Promise<string[]> {
  const fleet = Array.from({ length: count }, (_, i) => gatewayItem({ gatewayId: `gw-${i}`, ...over }));
  const errors: string[] = [];
  await runTick({
    alerts: { open: async () => [], get: async () => undefined, put: async () => true },
    fleet: {
      gateways: () => pagesOf(fleet),
      statuses: () => pagesOf(fleet.map(({ gatewayId }) => statusItem({ gatewayId }))),
    },
    events: { put: async () => new Set() },
    limits: { ...conditionLimits, reconnectWindowMs: 2_000 },
    now: () => t0,
    log: (level, event) => void (level === 'error' && errors.push(event)),
  });
  return errors;
}

it('says that a fleet has outgrown its reconnect window', async () => {
  expect(await errorsOf(500)).toEqual([]);
  expect(await errorsOf(501)).toEqual(['fleet.outgrew-window']);
});

it('counts no revoked gateway', async () => {
  expect(await errorsOf(501, { status: 'revoked', route: undefined })).toEqual([]);
});
