import { unmetOf, type Facts } from '../../admin/preconditions.ts';
import { alertView, gatewayView, playOf, volume } from './admin-world.ts';

/** A Friday, 23:30 in Oslo. */
const friday = Date.parse('2026-11-27T22:30:00Z');
const nightly = { timeZone: 'Europe/Oslo', windows: [{ days: ['fri'], from: '23:00', to: '05:00' }] };

const unmet = (when: object, facts: Partial<Facts> = {}, alert: object = {}, now = friday) =>
  unmetOf(
    playOf({ when }),
    { ...alertView(), ...alert },
    { gateway: gatewayView(), isMaintenance: false, ...facts },
    now,
  );
const gone = { gateway: gatewayView({ connection: { state: 'disconnected' } }) };
const pending = { gateway: gatewayView({ status: 'pending' }) };
const withVolume = (over: object) => ({ gateway: gatewayView({}, { volumes: [volume(over)] }) });

test.each<[name: string, reason: RegExp, ...Parameters<typeof unmet>]>([
  ['the gateway is not confirmed', /gateway is pending/, {}, pending],
  ['it must be connected', /gateway is disconnected/, { connected: true }, gone],
  ['it must not be', /gateway is connected/, { connected: false }],
  ['its maintenance window', /in a maintenance window/, {}, { isMaintenance: true }],
  ['no maintenance window', /in no maintenance window/, { maintenance: 'inside' }],
  ['a silence', /silenced by si-1/, {}, {}, { silencedBy: 'si-1' }],
  ['the hour', /hours/, { during: nightly }, {}, {}, friday - 3_600_000],
  ['the agent’s version', /version is 0\.1\.0/, { agentVersions: ['1.*', '2.*'] }],
  [
    'a metric above',
    /utilization is not below 0\.4/,
    { metrics: { 'system.memory.utilization': { below: 0.4 } } },
  ],
  [
    'a metric below',
    /utilization is below 0\.6/,
    { metrics: { 'system.memory.utilization': { atLeast: 0.6 } } },
  ],
  ['a metric that is not there', /not reported/, { metrics: { toString: { below: 1 } } }],
  [
    'the volume’s state',
    /vol-1 is canceled/,
    { volume: { states: ['failed'] } },
    withVolume({ state: 'canceled' }),
  ],
  ['its failure', /“io-error”/, { volume: { failures: ['missing'] } }, withVolume({ failure: 'io-error' })],
  [
    'a snapshot that is not there',
    /has no snapshot/,
    { volume: { hasSnapshot: true } },
    withVolume({ lastSnapshotAt: undefined }),
  ],
  [
    'an upload',
    /being uploaded/,
    { volume: { isUploading: false } },
    withVolume({ upload: { fraction: 0, lastProgressAt: 0 } }),
  ],
  [
    'a volume that is not reported',
    /reports no volume vol-2/,
    { volume: { hasSnapshot: true } },
    {},
    { component: 'vol-2' },
  ],
])('%s stands against it', (_, reason, ...given) => {
  expect(unmet(...given)).toMatch(reason);
});

test.each<[name: string, ...Parameters<typeof unmet>]>([
  ['nothing is asked', {}],
  ['a maintenance window does not matter', { maintenance: 'any' }, { isMaintenance: true }],
  ['it acts in maintenance windows alone', { maintenance: 'inside' }, { isMaintenance: true }],
  ['a silence does not matter', { silenced: 'act' }, {}, { silencedBy: 'si-1' }],
  ['it is the hour', { during: nightly }],
  ['it is the hour of the night before', { during: nightly }, {}, {}, friday + 5 * 3_600_000],
  [
    'the facts are as they are asked to be',
    {
      connected: true,
      agentVersions: ['0.*'],
      metrics: { 'system.memory.utilization': { atLeast: 0.5, below: 0.6 } },
      volume: { states: ['failed'], failures: ['truncated'], hasSnapshot: true, isUploading: false },
    },
  ],
])('nothing stands against it where %s', (_, ...given) => {
  expect(unmet(...given)).toBeUndefined();
});
