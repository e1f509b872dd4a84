import type { HoldfastError } from '../../core/errors.ts';
import type { SnapshotProgress, SnapshotResult } from '../ports.ts';
import { takeSnapshot, type TakeSnapshotParams } from './take-snapshot.ts';
import { mustBeReadable } from './volume-errors.ts';
import type { VolumeRecord } from './volume-record.ts';
import type { Opened, VolumeFacts } from './volume-view.ts';

/** A snapshot of a volume on its way to S3: its progress, and the means to stop it. */
export class Upload {
  readonly #stop = new AbortController();
  readonly #now: () => number;
  progress: { fraction: number; lastProgressAt: number };

  constructor(now: () => number) {
    this.#now = now;
    this.progress = { fraction: 0, lastProgressAt: now() };
  }

  stop(reason: HoldfastError): void {
    this.#stop.abort(reason);
  }

  run(
    p: Omit<TakeSnapshotParams, 'onProgress' | 'now'> & { onProgress?: (progress: SnapshotProgress) => void },
  ): Promise<{ result: SnapshotResult; lastSnapshot: NonNullable<VolumeRecord['lastSnapshot']> }> {
    const signal = p.signal ? AbortSignal.any([p.signal, this.#stop.signal]) : this.#stop.signal;
    const onProgress = (progress: SnapshotProgress) => {
      const fraction = progress.totalBytes ? progress.doneBytes / progress.totalBytes : 1;
      this.progress = { fraction, lastProgressAt: this.#now() };
      p.onProgress?.(progress);
    };
    return takeSnapshot({ ...p, signal, onProgress, now: this.#now });
  }
}

/** Throws BUSY while another snapshot is being taken, IO where the volume cannot be read. */
export function beginUpload(facts: VolumeFacts, now: () => number): { opened: Opened; upload: Upload } {
  return { opened: mustBeReadable(facts), upload: new Upload(now) };
}
