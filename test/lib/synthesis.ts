import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { handlerEntries, type HandlerName } from '../../lib/handlers.ts';
import { synthesizeOnce } from '../support/local-cloud.ts';

export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
}
export interface DeclaredFunction {
  /** `holdfast-home/Gateways` */
  path: string;
  handler: HandlerName;
  logicalId: string;
  resource: Resource;
}
export interface SynthesizedStack {
  name: string;
  resources: Record<string, Resource>;
  functions: DeclaredFunction[];
  /** Name → value of what other stacks may import. */
  exports: Record<string, unknown>;
}

interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, { Value: unknown; Export?: { Name: string } }>;
}

/** Constructs whose name is not their handler's. */
const handlersByConstruct: Record<string, HandlerName> = {
  CellCommands: 'Commands',
  DefaultRoute: 'Default',
};

/**
 * Home and one of two cells, as `cdk synth` writes them; the CDK itself runs in a process of its own, once for all
 * test files.
 */
export async function homeAndCell(): Promise<{ home: SynthesizedStack; cell: SynthesizedStack }> {
  const outDir = await synthesizeOnce({ cells: ['cell-1', 'cell-2'] });
  return { home: readStack(outDir, 'holdfast-home'), cell: readStack(outDir, 'holdfast-cell-1') };
}

export function readStack(outDir: string, name: string): SynthesizedStack {
  const text = readFileSync(join(outDir, `${name}.template.json`), 'utf8');
  const { Resources: resources, Outputs: outputs = {} } = JSON.parse(text) as Template;
  const functions = Object.entries(resources)
    .filter(([, { Type }]) => Type === 'AWS::Lambda::Function')
    .map(([logicalId, resource]) => {
      const construct = logicalId.replace(/Function[0-9A-F]{8}$/, '');
      const handler = handlersByConstruct[construct] ?? (construct as HandlerName);
      if (!(handler in handlerEntries)) throw new Error(`${name}: no handler is known for ${logicalId}`);
      return { path: `${name}/${construct}`, handler, logicalId, resource };
    });
  const exported = Object.values(outputs).flatMap(({ Value, Export }) =>
    Export ? [[Export.Name, Value] as const] : [],
  );
  return { name, resources, functions, exports: Object.fromEntries(exported) };
}

/** Resources of one type, by logical id. */
export const ofType = ({ resources }: SynthesizedStack, type: string): Record<string, Resource> =>
  Object.fromEntries(Object.entries(resources).filter(([, { Type }]) => Type === type));

/** The properties of every resource of one type. */
export const propertiesOf = (stack: SynthesizedStack, type: string): Record<string, unknown>[] =>
  Object.values(ofType(stack, type)).map(({ Properties }) => Properties);
