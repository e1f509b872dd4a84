import type { SynthesizedStack } from './synthesis.ts';

/**
 * A value of a template as people read it, `{stack/Construct}` for a reference and `{stack/Construct.Attribute}` for an
 * attribute, followed through exports into the stack that holds it:
 * `arn:aws:ssm:eu-central-1:{AWS::AccountId}:parameter/holdfast/cells`, `{home/TablesStatus.Arn}/index/byTenant`.
 */
export function readable(stack: SynthesizedStack, value: unknown, stacks: SynthesizedStack[]): string {
  const read = (inner: unknown): string => readable(stack, inner, stacks);
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = ['nothing', '']] = Object.entries(value) as [string, unknown][];
  const list = argument as unknown[];
  switch (name) {
    case 'Ref':
      return String(argument).includes('::') ? `{${String(argument)}}` : `{${construct(stack, argument)}}`;
    case 'Fn::GetAtt':
      return attribute(stack, list);
    case 'Fn::Join':
      return (list[1] as unknown[]).map(read).join(String(list[0]));
    case 'Fn::ImportValue':
      return imported(argument, stacks);
    case 'Fn::Select': {
      const [separator, text] = (list[1] as { 'Fn::Split': [string, unknown] })['Fn::Split'];
      return read(text).split(separator)[Number(list[0])] ?? '{nothing}';
    }
    default:
      throw new Error(`${stack.name}: how does one read ${JSON.stringify(value)}?`);
  }
}

/** `home/TablesGateways`: the logical id without the hash that the CDK puts behind it. */
const construct = ({ name }: SynthesizedStack, logicalId: unknown): string =>
  `${name.replace('holdfast-', '')}/${withoutHash(String(logicalId))}`;

export const withoutHash = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '');

/** An API's endpoint is a URL, so that what is built from its parts can be read as one. */
function attribute(stack: SynthesizedStack, [logicalId, name]: unknown[]): string {
  if (name !== 'ApiEndpoint') return `{${construct(stack, logicalId)}.${String(name)}}`;
  const { ProtocolType } = stack.resources[String(logicalId)]?.Properties ?? {};
  return `${ProtocolType === 'WEBSOCKET' ? 'wss' : 'https'}://{${construct(stack, logicalId)}}`;
}

function imported(exportName: unknown, stacks: SynthesizedStack[]): string {
  for (const stack of stacks) {
    const value = stack.exports[String(exportName)];
    if (value !== undefined) return readable(stack, value, stacks);
  }
  throw new Error(`no stack exports ${String(exportName)}`);
}
