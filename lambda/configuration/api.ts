import type { Log } from '../../core/log.ts';
import { dynamoTrail } from '../audit/trail.ts';
import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { httpHandler, type ApiRequest } from '../aws/http-handler.ts';
import { auditTable, configurationsTable, gatewaysTable } from '../aws/tables.ts';
import { lambdaCells, systemClock } from '../commands/aws-deps.ts';
import { dynamoConfigurations, dynamoGateways } from '../commands/dynamo-stores.ts';
import { forwarding, forwardingMode } from '../commands/forwarding.ts';
import {
  getConfiguration,
  putConfiguration,
  watchGateway,
  type Asked,
  type ConfigurationDeps,
} from './set-configuration.ts';

export const env = [
  'GATEWAYS_TABLE',
  'CONFIGURATIONS_TABLE',
  'AUDIT_TABLE',
  'CELL_DIRECTORY_PATH',
  'FORWARDING_MODE',
] as const;

type Request = ApiRequest<'getConfiguration' | 'putConfiguration' | 'watchGateway'>;

export const handler = httpHandler<typeof env, (log: Log) => ConfigurationDeps>({
  env,
  deps: (names) => {
    const gateways = dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE));
    const configurations = dynamoConfigurations(configurationsTable(names.CONFIGURATIONS_TABLE));
    const cells = lambdaCells(ssmCellDirectory(names.CELL_DIRECTORY_PATH));
    const mode = forwardingMode(names.FORWARDING_MODE);
    const clock = systemClock;
    return (log) => ({
      gateways,
      configurations,
      clock,
      log,
      reach: forwarding(mode, { gateways, cells, clock, log }),
    });
  },
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: {
    getConfiguration: (deps, request) => getConfiguration(deps(request.log), asked(request)),
    putConfiguration: (deps, request) => putConfiguration(deps(request.log), asked(request), request.body),
    watchGateway: (deps, request) => watchGateway(deps(request.log), asked(request)),
  },
});

const asked = ({
  principal,
  tenantId,
  params,
}: Pick<Request, 'principal' | 'tenantId' | 'params'>): Asked => ({
  principal,
  tenantId,
  gatewayId: params['gatewayId'] ?? '',
});
