import { Duration } from 'aws-cdk-lib';
import type { AlertSubscriptionsProps } from './alert-subscriptions.ts';
import { useCellDirectory, useDeliver } from './cell-directory.ts';
import type { Deployment, HoldfastFunction } from './function.ts';

type Parts = Pick<AlertSubscriptionsProps, 'tables' | 'tick' | 'create'>;

/** The API of bulk sends. */
export function bulkSendsFunction({ tables, create }: Parts): HoldfastFunction {
  return create('BulkSends', {
    handler: 'BulkSends',
    description: 'Takes, shows and cancels bulk sends',
  })
    .useTable(tables.bulkSends, 'get', 'batchGet', 'put', 'update', 'query:byTenant')
    .useTable(tables.bulkTargets, 'query')
    .useTable(tables.audit, 'insert');
}

/** Works on bulk sends; scheduled. */
export function bulkRunnerFunction(
  { tables, tick, create }: Parts,
  config: Deployment['config'],
): HoldfastFunction {
  const fn = create('BulkRunner', {
    handler: 'BulkRunner',
    description: 'Sends the commands of bulk sends and takes over what became of them',
    timeout: Duration.seconds(50),
    ...tick,
  })
    .useTable(tables.bulkSends, 'get', 'update', 'query:open')
    .useTable(tables.bulkTargets, 'get', 'put', 'update', 'query')
    .useTable(tables.gateways, 'get', 'batchGet', 'update', 'query:byTenant')
    .useTable(tables.status, 'batchGet')
    .useTable(tables.commands, 'get', 'put', 'query:open')
    .useTable(tables.audit, 'insert')
    .setEnv('FORWARDING_MODE', config.forwardingMode);
  useCellDirectory(fn);
  useDeliver(fn, config.cells);
  return fn;
}
