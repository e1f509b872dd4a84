import { dynamoTrail } from '../audit/trail.ts';
import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { httpHandler, type ApiRequest } from '../aws/http-handler.ts';
import { invokeFunction } from '../aws/invoke.ts';
import { auditTable, cellsTable } from '../aws/tables.ts';
import { dynamoCells } from '../commands/dynamo-stores.ts';
import { drainCell, listCells, undrainCell, type AskedOfCell, type CellsDeps } from './drain-cell.ts';

export const env = ['CELLS_TABLE', 'AUDIT_TABLE', 'CELL_DIRECTORY_PATH'] as const;

type Request = ApiRequest<'drainCell' | 'undrainCell'>;

export const handler = httpHandler<typeof env, CellsDeps>({
  env,
  deps: (names) => ({
    cells: dynamoCells(cellsTable(names.CELLS_TABLE)),
    directory: ssmCellDirectory(names.CELL_DIRECTORY_PATH),
    invoke: invokeFunction,
    now: Date.now,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: {
    fleetCells: (deps) => listCells(deps),
    drainCell: (deps, request) => drainCell(deps, asked(request), request.body),
    undrainCell: (deps, request) => undrainCell(deps, asked(request)),
  },
});

const asked = ({ principal, params, log }: Pick<Request, 'principal' | 'params' | 'log'>): AskedOfCell => ({
  principal,
  cellId: params['cellId'] ?? '',
  log,
});
