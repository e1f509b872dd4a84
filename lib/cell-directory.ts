import { Arn, ArnFormat, Stack } from 'aws-cdk-lib';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { CellEntry } from '../core/env.ts';
import type { HoldfastFunction } from './function.ts';

/** Each cell publishes itself below this path; nobody learns a cell's addresses from anywhere else. */
export const cellDirectoryPath = '/holdfast/cells';

/** The function's name is chosen and not made up, so that cells and home can know it without each other. */
export const deliverFunctionName = (cellId: string): string => `holdfast-${cellId}-deliver`;

export function publishCell(scope: Construct, id: string, entry: CellEntry): StringParameter {
  return new StringParameter(scope, id, {
    parameterName: `${cellDirectoryPath}/${entry.cellId}`,
    description: `Addresses of the Holdfast cell ${entry.cellId}`,
    stringValue: Stack.of(scope).toJsonString(entry),
  });
}

/** Lets the function list the cells. */
export function useCellDirectory(fn: HoldfastFunction): void {
  // IAM checks GetParametersByPath against the path itself, not against the parameters below it.
  const path = { service: 'ssm', resource: 'parameter', resourceName: cellDirectoryPath.slice(1) };
  fn.allow(['ssm:GetParametersByPath'], [Arn.format(path, Stack.of(fn))]);
  fn.setEnv('CELL_DIRECTORY_PATH', cellDirectoryPath);
}

/** Lets the function hand messages to the cells that hold the connections. */
export function useDeliver(fn: HoldfastFunction, cellIds: readonly string[]): void {
  const arn = (cellId: string) =>
    Arn.format(
      {
        service: 'lambda',
        resource: 'function',
        resourceName: deliverFunctionName(cellId),
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      },
      Stack.of(fn),
    );
  if (cellIds.length > 0) fn.allow(['lambda:InvokeFunction'], cellIds.map(arn));
}
