import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { translation } from '../../lambda/aws/table.ts';
import { readAssembly } from '../../local/template/assembly.ts';
import { planStacks, resourcesOf } from '../../local/template/plan.ts';
import type { TestCloud } from './local-cloud.ts';

/** The tables of a running local cloud, with the rights of its root user. */
export interface LocalTables {
  readonly client: DynamoDBDocumentClient;
  /** Name of the one table whose construct is called so: `Tokens`; of this stack, where several have one. */
  named(construct: string, stackName?: string): string;
  /** Name of the function whose construct is called so. */
  functionNamed(construct: string): string;
  /** Every item of every table, in the order of their text. */
  everything(): Promise<Record<string, string[]>>;
  close(): void;
}

export function localTables(cloud: TestCloud): LocalTables {
  const { region, rootCredentials: credentials } = cloud;
  const plain = new DynamoDBClient({ region, credentials, endpoint: cloud.endpoints['holdfast-home'] });
  const client = DynamoDBDocumentClient.from(plain, translation);
  const plans = planStacks(readAssembly(cloud.cdkOutDir), {
    region,
    accountId: '000000000000',
    servicesUrl: () => 'http://nowhere:1',
    apiPort: () => 1,
  });
  const tables = plans.flatMap((plan) => resourcesOf(plan, 'AWS::DynamoDB::Table'));
  const items = async (TableName: string): Promise<string[]> => {
    const found: string[] = [];
    let from: Record<string, unknown> | undefined;
    do {
      const page = await client.send(new ScanCommand({ TableName, ExclusiveStartKey: from }));
      found.push(...(page.Items ?? []).map((item) => JSON.stringify(sorted(item))));
      from = page.LastEvaluatedKey;
    } while (from);
    return found.sort();
  };
  return {
    client,
    named: (construct, stackName) => {
      const found = tables.filter(
        (table) =>
          new RegExp(`^(Tables)?${construct}[0-9A-F]{8}$`).test(table.logicalId) &&
          (stackName ?? table.stackName) === table.stackName,
      );
      if (found.length !== 1) throw new Error(`${found.length} tables are called ${construct}`);
      return found[0]!.name;
    },
    functionNamed: (construct) => {
      const functions = plans.flatMap((plan) => resourcesOf(plan, 'AWS::Lambda::Function'));
      const found = functions.find(({ logicalId }) => logicalId.startsWith(`${construct}Function`));
      if (!found) throw new Error(`no function is called ${construct}`);
      return found.name;
    },
    everything: async () =>
      Object.fromEntries(
        await Promise.all(
          tables.map(async ({ stackName, logicalId, name }) => [
            `${stackName}/${logicalId}`,
            await items(name),
          ]),
        ),
      ) as Record<string, string[]>,
    close: () => {
      client.destroy();
      plain.destroy();
    },
  };
}

const sorted = (item: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
