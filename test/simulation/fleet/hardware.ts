import { Chance, runningSums } from './chance.ts';
import type { Fleet } from './fleet.ts';
import type { Scenario } from './scenario.ts';
import { hardwareConditions } from './scenario-checks.ts';
import type { Sights } from './sights.ts';

interface Suspect {
  gateway: number;
  until: number;
}

/**
 * Disks and memory, at published rates. Scan errors raise a disk's failure odds for some weeks (39-fold for 60 days:
 * Pinheiro et al., FAST 2007); most failures still come without one. `diskAnnualFailureRate` is of both kinds together.
 * Memory errors hit 8 % of DIMMs a year (Schroeder et al., SIGMETRICS 2009).
 */
export class HardwareTrouble {
  readonly #chance: Chance;
  readonly #sights: Sights;
  readonly #gatewayCount: number;
  /** Hits per window over the whole fleet. */
  readonly #failures: number;
  readonly #scanErrors: number;
  readonly #memoryErrors: number;
  /** Of one suspect, of an ordinary model, per window. */
  readonly #suspectHazard: number;
  readonly #factors: Float64Array;
  readonly #sums: Float64Array;
  readonly #factorMax: number;
  readonly #spanWindows: number;
  #suspects: Suspect[] = [];
  readonly #conditions: { failed: number; scanError: number; memory: number };

  constructor(scenario: Scenario, fleet: Fleet, sights: Sights, seed: number) {
    const hardware = scenario.hardware!;
    this.#chance = new Chance(seed, 'hardware');
    this.#sights = sights;
    this.#gatewayCount = fleet.gatewayCount;
    const perWindow = scenario.windowMinutes / (365 * 1_440);
    this.#spanWindows = (hardware.scanErrorDays * 1_440) / scenario.windowMinutes;
    this.#factors = factorsOf(hardware, fleet);
    this.#sums = runningSums(this.#factors);
    this.#factorMax = this.#factors.reduce((max, factor) => Math.max(max, factor), 0);
    const disks = hardware.disksPerGateway;
    // A share of all disks is under suspicion at any time and fails faster; together they fail as often as asked.
    const suspected = (hardware.scanErrorAnnualRate * hardware.scanErrorDays) / 365;
    const quiet = hardware.diskAnnualFailureRate / (1 + suspected * (hardware.failureOddsAfterScanError - 1));
    this.#failures = (this.#sums.at(-1) ?? 0) * disks * quiet * perWindow;
    this.#suspectHazard = quiet * (hardware.failureOddsAfterScanError - 1) * perWindow;
    this.#scanErrors = fleet.gatewayCount * disks * hardware.scanErrorAnnualRate * perWindow;
    this.#memoryErrors =
      fleet.gatewayCount * hardware.dimmsPerGateway * hardware.dimmAnnualErrorRate * perWindow;
    const at = (name: string) => sights.conditions.indexOf(name);
    this.#conditions = {
      failed: at(hardwareConditions.failed),
      scanError: at(hardwareConditions.scanError),
      memory: at(hardwareConditions.memory),
    };
    for (let left = this.#chance.poisson(this.#scanErrors * this.#spanWindows); left > 0; left--)
      this.#suspects.push({
        gateway: this.#chance.below(this.#gatewayCount),
        until: this.#chance.next() * this.#spanWindows,
      });
  }

  /** One window. */
  strike(): void {
    const chance = this.#chance;
    const sights = this.#sights;
    const { failed, scanError, memory } = this.#conditions;
    for (let left = chance.poisson(this.#failures); left > 0; left--)
      sights.onset(chance.pick(this.#sums), failed, 'disk');
    for (let left = chance.poisson(this.#memoryErrors); left > 0; left--)
      sights.onset(chance.below(this.#gatewayCount), memory, 'memory');
    this.#strikeSuspects(failed);
    for (let left = chance.poisson(this.#scanErrors); left > 0; left--) {
      const gateway = chance.below(this.#gatewayCount);
      sights.onset(gateway, scanError, 'scan error');
      this.#suspects.push({ gateway, until: sights.window + this.#spanWindows });
    }
  }

  #strikeSuspects(failed: number): void {
    const chance = this.#chance;
    const hits = chance.poisson(this.#suspects.length * this.#suspectHazard * this.#factorMax);
    for (let left = hits; left > 0 && this.#suspects.length > 0; left--) {
      const at = chance.below(this.#suspects.length);
      const { gateway, until } = this.#suspects[at]!;
      const isOver = until <= this.#sights.window;
      const fails = !isOver && chance.is(this.#factors[gateway]! / this.#factorMax);
      if (fails) this.#sights.onset(gateway, failed, 'disk after scan error');
      if (fails || isOver) this.#suspects.splice(at, 1);
    }
    if (this.#sights.window % 96 === 0)
      this.#suspects = this.#suspects.filter(({ until }) => until > this.#sights.window);
  }
}

/** How many times the ordinary rate each gateway's disks fail. */
function factorsOf(hardware: NonNullable<Scenario['hardware']>, fleet: Fleet): Float64Array {
  const column = fleet.columns.find(({ name }) => name === hardware.modelAttribute);
  const ofValue = column?.values.map((value) => hardware.modelFactors[value] ?? 1);
  return Float64Array.from({ length: fleet.gatewayCount }, (_, i) => ofValue?.[column!.of[i]!] ?? 1);
}
