import { alertKeyOf, openShardOf } from '../../core/alerts/alert-key.ts';
import type { AlertItem } from '../../core/model.ts';

/** An alert that has just fired, as the status proxy leaves it; nothing of it is to be emitted. */
export function firingAlert(of: { tenantId: string; gatewayId: string; summary: string }): AlertItem {
  const { tenantId, gatewayId, summary } = of;
  const alertKey = alertKeyOf({ tenantId, gatewayId, conditionId: 'HighMemory', component: '' });
  const at = Date.now();
  return {
    tenantId,
    gatewayId,
    conditionId: 'HighMemory',
    component: '',
    alertKey,
    severity: 'warning',
    state: 'FIRING',
    episode: 1,
    seq: 1,
    summary,
    firedAt: at,
    changedAt: at,
    evaluatedAt: at,
    outbox: [],
    openShard: openShardOf(alertKey),
    audit: [{ at, state: 'FIRING' }],
    version: 1,
  };
}
