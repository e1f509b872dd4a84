import type { Breakdown } from './breakdown.ts';
import type { DetectorState } from './detect.ts';

/**
 * Patterns table: pk `itemKey`: what the status proxy remembers between two ticks. `detector` is what one tick leaves to
 * the next and names the history that goes with it; `history/ID/N` are that history's parts, never changed; the rows of
 * `breakdown/ATTRIBUTE` are for people. `fleet-day/DATE` names the parts (`fleet-part/ID/N`) of what the design report knows of
 * one day; `design-report/DATE` is one, `design-report/DATE/ATTRIBUTE` are its cohorts.
 */
export type PatternsItem =
  | ({ itemKey: 'detector' } & DetectorState)
  | { itemKey: `fleet-day/${string}`; partsId: string; parts: number; expiresAtSec: number }
  | {
      itemKey: `${'history' | 'fleet-part' | 'design-report'}/${string}`;
      bytes: Uint8Array;
      expiresAtSec: number;
    }
  | ({ itemKey: `breakdown/${string}` } & Breakdown);
