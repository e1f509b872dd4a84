import { Duration } from 'aws-cdk-lib';
import type { AlertSubscriptionsProps } from './alert-subscriptions.ts';
import type { HoldfastFunction } from './function.ts';

/** Makes the daily report; scheduled. A month of a large fleet is read and compared within minutes, once a day. */
export function designReportFunction({
  tables,
  tick,
  create,
}: Pick<AlertSubscriptionsProps, 'tables' | 'tick' | 'create'>): HoldfastFunction {
  return create('DesignReport', {
    handler: 'DesignReport',
    description: 'Makes the daily design report of the fleet',
    timeout: Duration.minutes(10),
    memorySizeMiB: 2_048,
    ...tick,
  }).useTable(tables.patterns, 'get', 'put');
}
