import { randomBytes } from 'node:crypto';
import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { auditTable, activationCodesTable, gatewaysTable } from '../aws/tables.ts';
import { activate, createActivationCode, type ActivationDeps } from './activate-gateway.ts';

export const env = [
  'ACTIVATION_CODES_TABLE',
  'GATEWAYS_TABLE',
  'AUDIT_TABLE',
  'CELL_DIRECTORY_PATH',
] as const;

export const handler = httpHandler({
  env,
  deps: (names): ActivationDeps => ({
    codes: activationCodesTable(names.ACTIVATION_CODES_TABLE),
    gateways: gatewaysTable(names.GATEWAYS_TABLE),
    audit: dynamoTrail(auditTable(names.AUDIT_TABLE)),
    cells: ssmCellDirectory(names.CELL_DIRECTORY_PATH),
    random: randomBytes,
    now: Date.now,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: { activate, createActivationCode },
});
