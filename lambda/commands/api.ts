import type { Log } from '../../core/log.ts';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler, type ApiRequest } from '../aws/http-handler.ts';
import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { auditTable, commandsTable, connectionsTable, gatewaysTable } from '../aws/tables.ts';
import { lambdaCells, systemClock } from './aws-deps.ts';
import {
  cancelCommand,
  getCommand,
  listCommands,
  submitCommand,
  type CommandServiceDeps,
} from './command-service.ts';
import { dynamoCommands, dynamoGateways, dynamoHolders } from './dynamo-stores.ts';
import { forwarding, forwardingMode } from './forwarding.ts';

export const env = [
  'GATEWAYS_TABLE',
  'COMMANDS_TABLE',
  'AUDIT_TABLE',
  'CELL_DIRECTORY_PATH',
  'FORWARDING_MODE',
] as const;
/** What the function of a cell's own door has. */
export const cellEnv = [...env, 'CELL_ID', 'CONNECTIONS_TABLE'] as const;

type Deps = (log: Log) => CommandServiceDeps;
type Request = ApiRequest<'submitCommand' | 'listCommands' | 'getCommand' | 'cancelCommand'>;

const trail = ({ AUDIT_TABLE }: { AUDIT_TABLE: string }) => dynamoTrail(auditTable(AUDIT_TABLE));

/** Home's commands, and those of a cell's own door, where `CELL_ID` and the cell's holder rows are set as well. */
export const handler = httpHandler<typeof env, Deps>({
  env,
  deps: (names) => {
    const gateways = dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE));
    const commands = dynamoCommands(commandsTable(names.COMMANDS_TABLE));
    const audit = trail(names);
    const cells = lambdaCells(ssmCellDirectory(names.CELL_DIRECTORY_PATH));
    const mode = forwardingMode(names.FORWARDING_MODE);
    const local = ownCell();
    const clock = systemClock;
    return (log) => ({
      gateways,
      commands,
      audit,
      clock,
      log,
      cellId: local?.cellId,
      reach: forwarding(mode, { gateways, cells, clock, log, local }),
    });
  },
  audit: trail,
  routes: {
    submitCommand: (deps, request) =>
      submitCommand(deps(request.log), caller(request), id(request), request.body),
    listCommands: (deps, request) =>
      listCommands(deps(request.log), caller(request), id(request), request.query['next']),
    getCommand: (deps, request) =>
      getCommand(deps(request.log), caller(request), id(request), commandId(request)),
    cancelCommand: (deps, request) =>
      cancelCommand(deps(request.log), caller(request), id(request), commandId(request)),
  },
});

function ownCell() {
  const { CELL_ID: cellId, CONNECTIONS_TABLE: tableName } = process.env;
  if (!cellId || !tableName) return undefined;
  return { cellId, holders: dynamoHolders(connectionsTable(tableName)) };
}

const caller = ({ principal, tenantId, from }: Pick<Request, 'principal' | 'tenantId' | 'from'>) => ({
  principal,
  tenantId,
  from,
});
const id = ({ params }: Pick<Request, 'params'>): string => params['gatewayId'] ?? '';
const commandId = ({ params }: Pick<Request, 'params'>): string => params['commandId'] ?? '';
