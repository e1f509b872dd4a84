import { paginateScan, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { GatewayItem, StatusItem } from '../../core/model.ts';
import type { FleetSource } from './tick.ts';

/** The whole fleet, each table read in `segments` parallel scans (1 serves 10,000 gateways, 4 serve 100,000). */
export function dynamoFleet(
  client: DynamoDBDocumentClient,
  tables: { gateways: string; status: string },
  segments: number,
): FleetSource {
  const scan = async <T>(TableName: string): Promise<T[]> => {
    const parts = Array.from({ length: segments }, (_, Segment) =>
      scanSegment<T>(client, { TableName, Segment, TotalSegments: segments }),
    );
    return (await Promise.all(parts)).flat();
  };
  return {
    statuses: () => scan<StatusItem>(tables.status),
    gateways: () => scan<GatewayItem>(tables.gateways),
  };
}

async function scanSegment<T>(
  client: DynamoDBDocumentClient,
  input: { TableName: string; Segment: number; TotalSegments: number },
): Promise<T[]> {
  const items: T[] = [];
  for await (const { Items = [] } of paginateScan({ client }, input)) items.push(...(Items as T[]));
  return items;
}
