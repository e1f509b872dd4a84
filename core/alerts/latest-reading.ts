import { conditionById } from '../conditions/conditions.ts';
import { tellsWhen, type JudgedGateway } from '../conditions/signals.ts';
import type { AlertItem, StatusItem } from '../model.ts';

/** A value of the alert's condition, in its unit, and when the status that it is from came. */
export interface LatestReading {
  value: number;
  at: number;
}

/** No value depends on them: only what is either so or not does. */
const limits = { heartbeatIntervalMs: 0, reconnectWindowMs: 0 };

/**
 * What the newest status says of what an alert is about. An alert's own value is that of its firing, or of its last
 * reminder. Undefined: the status does not name it, or there is nothing to measure.
 */
export function latestReading(
  { conditionId, component }: Pick<AlertItem, 'conditionId' | 'component'>,
  gateway: JudgedGateway,
  status: StatusItem,
): LatestReading | undefined {
  const condition = conditionById.get(conditionId);
  if (!condition?.needsStatus || condition.unit === 'flag' || !tellsWhen(status)) return undefined;
  const at = status.receivedAt;
  const reading = condition
    .signal({ gateway, status, now: at, limits })
    .find((each) => each.component === component);
  return reading && Number.isFinite(reading.value) ? { value: reading.value, at } : undefined;
}
