import type { RestoreOutcome } from '../ports.ts';
import { raceSignal } from '../s3/race-signal.ts';
import type { RestoreEngine } from '../restore/restore-engine.ts';
import type { VolumeFacts } from './volume-view.ts';

/** How the restore that is running ends; how the last one ended, where none is running. */
export async function outcomeOf(facts: VolumeFacts, signal?: AbortSignal): Promise<RestoreOutcome> {
  const engine = facts.opened?.restore?.engine;
  if (engine) return runningOutcome(engine, signal);
  const { fault } = facts.record;
  if (facts.canceled) return { outcome: 'canceled', snapshotId: facts.canceled.frozen.snapshotId };
  if (!fault?.restoreId) return { outcome: 'none' };
  return { outcome: 'failed', snapshotId: fault.snapshotId ?? '', code: 'IO', message: fault.detail };
}

async function runningOutcome(engine: RestoreEngine, signal?: AbortSignal): Promise<RestoreOutcome> {
  const { snapshotId } = engine.descriptor.frozen;
  const state = await raceSignal(engine.ended(), signal);
  if (state === 'restored' || state === 'canceled') return { outcome: state, snapshotId };
  const { code, message } = engine.trouble ?? { code: 'UNAVAILABLE', message: `the restore was ${state}` };
  return { outcome: 'failed', snapshotId, code, message };
}
