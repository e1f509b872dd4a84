import { grantsOf, type Grant } from '../../lib/grants.ts';
import { homeAndCell } from '../../lib/synthesis.ts';

/** `home/Gateways` → the names of its grants, in the order of its policy. Of the cells, the first one’s. */
export async function grantNamesByRole(): Promise<Map<string, string[]>> {
  const { home, cell } = await homeAndCell();
  const byRole = Map.groupBy(grantsOf([home, cell]), ({ of }) => of);
  return new Map([...byRole].map(([of, grants]) => [of, grants.map(nameOf)]));
}

/** As stories name it: `dynamodb:Query on Commands/open`, `s3:GetObject on SnapshotsBucket/*`. */
const nameOf = ({ action, resource }: Grant): string => `${action} on ${shortly(resource)}`;

/** Without what each of its kind has in common. */
const shortly = (resource: string): string =>
  resource
    .replace(/^\{[\w-]+\/(?:Tables)?(\w+)\.Arn\}/, '$1')
    .replace('/index/', '/')
    .replace(/^arn:aws:[\w-]+:[^:]*:(?:\{AWS::AccountId\}|\*):(?:function:)?/, '')
    .replace(/^\{cell-1\/WebSocketApi\}\/v1\//, '');
