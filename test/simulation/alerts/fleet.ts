import { newSilence } from '../../../core/alerts/silences.ts';
import type { SilenceItem } from '../../../core/alerts/model.ts';
import type { Configuration } from '../../../core/configuration/configuration.ts';
import type { GatewayItem, StatusItem } from '../../../core/model.ts';
import { volumeStates, type VolumeStatus } from '../../../core/status.ts';
import { gatewayItem, hours, minutes, statusItem, t0, volume } from '../../support/fleet.ts';
import type { Turns } from './turns.ts';

/** What a status proxy reads of the world at one moment. */
export interface View {
  now: number;
  gateways: GatewayItem[];
  statuses: StatusItem[];
  silences: SilenceItem[];
}

const failures: readonly NonNullable<VolumeStatus['failure']>[] = ['truncated', 'missing', 'io-error'];
const window: Configuration = { maintenance: [{ days: ['sun', 'mon'], from: '13:00', to: '16:00' }] };

/** Gateways that fail, fall silent, lose volumes, and are silenced, as the seed has it. */
export class Fleet {
  now = t0;
  readonly gateways: GatewayItem[];
  readonly silences: SilenceItem[] = [];
  /** That have a maintenance window. */
  readonly windows = new Map<string, Configuration>();
  readonly #turns: Turns;
  readonly #statuses = new Map<string, StatusItem>();
  readonly #volumes: string[];
  readonly #removed = new Set<string>();

  /** `isLarge`: enough volumes for storms. */
  constructor(turns: Turns, isLarge: boolean) {
    this.#turns = turns;
    const names = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`);
    this.#volumes = names('v', isLarge ? 12 : 2);
    this.gateways = names('gw', isLarge ? 6 : 3).map((gatewayId, i) =>
      gatewayItem({ gatewayId, tenantId: i === 2 ? 'other' : 'acme' }),
    );
    for (const { gatewayId } of this.gateways) if (turns.chance(0.4)) this.windows.set(gatewayId, window);
  }

  view(): View {
    return {
      now: this.now,
      gateways: structuredClone(this.gateways),
      statuses: [...this.#statuses.values()],
      silences: [...this.silences],
    };
  }

  /** Time goes on, mostly by minutes; each gateway reports, or does not. */
  live(): void {
    const step = this.#turns.chance(0.15) ? [hours, 6] : [minutes, 20];
    this.now += step[0]! * (1 + this.#turns.below(step[1]!));
    const isStorm = this.#turns.chance(0.15);
    for (const { gatewayId } of this.gateways) {
      if (!isStorm && this.#turns.chance(0.2)) continue;
      this.report(
        gatewayId,
        isStorm ? () => volume({ state: 'failed', failure: 'truncated' }) : () => this.#anyVolume(),
      );
    }
    if (this.#turns.chance(0.12)) this.#silence();
    if (this.#turns.chance(0.1)) this.#endSilence();
  }

  /** Everybody reports volumes that are all like this. */
  reportAll(state: 'healthy' | 'failed'): void {
    for (const { gatewayId } of this.gateways) this.report(gatewayId, () => volume({ state }));
  }

  report(gatewayId: string, like: () => VolumeStatus): void {
    const volumes = this.volumesOf(gatewayId).map((volumeId) => ({ ...like(), volumeId }));
    this.#statuses.set(gatewayId, statusItem({ gatewayId, receivedAt: this.now }, { volumes }));
  }

  volumesOf(gatewayId: string): string[] {
    return this.#volumes.filter((volumeId) => !this.#removed.has(`${gatewayId}/${volumeId}`));
  }

  /** Somebody deletes a volume. */
  removeVolume(): void {
    const { gatewayId } = this.#turns.pick(this.gateways);
    this.#removed.add(`${gatewayId}/${this.#turns.pick(this.#volumes)}`);
  }

  #anyVolume(): VolumeStatus {
    const state = this.#turns.pick(volumeStates);
    return volume({ state, ...(state === 'failed' && { failure: this.#turns.pick(failures) }) });
  }

  #silence(): void {
    const { gatewayId, tenantId } = this.#turns.pick(this.gateways);
    const named = this.#turns.pick([
      {},
      { gatewayId },
      { conditionId: 'VolumeIrrecoverable' },
      { component: 'v-1' },
    ]);
    const of = { tenantId, silenceId: `si-${this.silences.length}`, by: 'ann', at: this.now };
    this.silences.push(
      newSilence({ ...named, why: 'w', forMs: this.#turns.pick([minutes, hours, 5 * hours]) }, of),
    );
  }

  #endSilence(): void {
    const i = this.#turns.below(this.silences.length);
    const silence = this.silences[i];
    if (silence && silence.endedAt === undefined) this.silences[i] = { ...silence, endedAt: this.now };
  }
}
