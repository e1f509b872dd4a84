import { httpHandler } from '../aws/http-handler.ts';
import { auditTable } from '../aws/tables.ts';
import { fleetAudit, listAudit, type ShowAuditDeps } from './show-audit.ts';

export const env = ['AUDIT_TABLE'] as const;

/** Reads the audit trail; its role can do nothing else. */
export const handler = httpHandler({
  env,
  deps: (names): ShowAuditDeps => ({ entries: auditTable(names.AUDIT_TABLE) }),
  routes: { listAudit, fleetAudit },
});
