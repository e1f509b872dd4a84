import type { AuditItem } from '../../core/audit/audit-item.ts';
import type { auditTable } from '../aws/tables.ts';

/** Entries go in and never change. The same entry again is no error and no second one. */
export interface AuditTrail {
  append(entry: AuditItem): Promise<void>;
}

export const dynamoTrail = (table: ReturnType<typeof auditTable>): AuditTrail => ({
  append: async (entry) => void (await table.insert(entry)),
});
