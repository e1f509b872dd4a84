import type { EngineMakers } from '../../../agent/restore/engine-parts.ts';
import type { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import type { ClosedForm } from './closed-form.ts';
import type { Contents } from './contents.ts';
import type { Model } from './model.ts';
import type { Random } from './random.ts';
import type { Scheduler, Session } from './scheduler.ts';
import type { DiskFaults, Loss, SimDisk } from './sim-disk.ts';
import type { SimSnapshot } from './sim-source.ts';
import type { SimDescriptorFile } from './sim-store.ts';

/** What a simulation went through, for whoever adds them up. */
export interface Tally {
  steps: number;
  /** Moments at which every legal crash image was judged. */
  statesJudged: number;
  /** The most images that one such moment had, as the logarithm to base 2. */
  imagesLog2Max: number;
  kills: number;
  powerLosses: number;
  recoveries: number;
  failedBarriers: number;
}

export const emptyTally = (): Tally => ({
  steps: 0,
  statesJudged: 0,
  imagesLog2Max: 0,
  kills: 0,
  powerLosses: 0,
  recoveries: 0,
  failedBarriers: 0,
});

export interface World {
  random: Random;
  disk: SimDisk;
  file: SimDescriptorFile;
  model: Model;
  contents: Contents;
  original: readonly Uint8Array[];
  closedForm: ClosedForm;
  /** What was judged last, so that a step that changed nothing costs nothing. */
  judged: Record<Loss, string>;
  tally: Tally;
  snapshot: SimSnapshot;
  volumeBytes: number;
  arity: number;
  makers: Partial<EngineMakers> | undefined;
  writes: number;
  fetches: number;
}

/** One life of the process: its engine, and what may go wrong in it. */
export interface Life {
  scheduler: Scheduler;
  session: Session;
  faults: DiskFaults;
  engine: RestoreEngine;
}
