import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Where one resource lives: everything that Ref and GetAtt answer from. */
export interface Identity {
  readonly stackName: string;
  readonly logicalId: string;
  /** Physical name: the template's, or a stable one made from stack and logical id. */
  readonly name: string;
  readonly region: string;
  readonly accountId: string;
  /** Where this stack's services answer, e.g. `http://127.0.0.1:4701`. */
  readonly servicesUrl: string;
  /** Port of this resource when it is an API; 0 otherwise. */
  readonly port: number;
  /** A property's resolved value. */
  property(name: string): unknown;
}

/** What the local mode knows of one CloudFormation type. */
export interface ResourceType<Shape extends z.ZodRawShape = z.ZodRawShape> {
  /** Strict: a property that is neither used nor listed as having no effect is refused by name. */
  readonly schema: z.ZodObject<Shape>;
  /** Known, and of no consequence on one machine. */
  readonly withoutEffect: readonly string[];
  /** Property that holds the physical name, where the template may choose it. */
  readonly nameProperty?: string;
  readonly maxNameLength: number;
  readonly lowerCaseName: boolean;
  /** Length of the opaque id that stands for a name, for types that have no names. */
  readonly idLength?: number;
  ref(identity: Identity): string;
  readonly attributes: Record<string, (identity: Identity) => string>;
}

interface Options<Shape extends z.ZodRawShape> {
  used: Shape;
  /** Properties that change nothing on one machine (encryption, retention, tags …). */
  withoutEffect?: readonly string[];
  nameProperty?: string;
  maxNameLength?: number;
  lowerCaseName?: boolean;
  idLength?: number;
  ref?: (identity: Identity) => string;
  attributes?: Record<string, (identity: Identity) => string>;
}

export function resourceType<Shape extends z.ZodRawShape>(options: Options<Shape>): ResourceType<Shape> {
  const withoutEffect = options.withoutEffect ?? [];
  const ignored = Object.fromEntries(
    ['Tags', ...withoutEffect].map((name) => [name, z.unknown().optional()]),
  );
  return {
    withoutEffect,
    schema: z.strictObject({ ...ignored, ...options.used }) as unknown as z.ZodObject<Shape>,
    nameProperty: options.nameProperty,
    maxNameLength: options.maxNameLength ?? 64,
    lowerCaseName: options.lowerCaseName ?? false,
    idLength: options.idLength,
    ref: options.ref ?? (({ name }) => name),
    attributes: options.attributes ?? {},
  };
}

export function arn(
  identity: Pick<Identity, 'region' | 'accountId'>,
  service: string,
  resource: string,
): string {
  return `arn:aws:${service}:${identity.region}:${identity.accountId}:${resource}`;
}

/** The same for the same stack and logical id, on every machine and after every restart. */
export function stableId(stackName: string, logicalId: string, length: number): string {
  const digest = createHash('sha256').update(`${stackName}/${logicalId}`).digest();
  return [...digest.subarray(0, length)].map((byte) => (byte % 36).toString(36)).join('');
}

export function generatedName(type: ResourceType, stackName: string, logicalId: string): string {
  if (type.idLength) return stableId(stackName, logicalId, type.idLength);
  const suffix = stableId(stackName, logicalId, 12);
  const stem = `${stackName}-${logicalId}`.slice(0, type.maxNameLength - suffix.length - 1);
  const name = `${stem}-${suffix}`;
  return type.lowerCaseName ? name.toLowerCase() : name;
}

/** CloudFormation writes many numbers and booleans as text; both are accepted as it does. */
export const integer = z.coerce.number().int();
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);
export const texts = z.union([z.array(z.string()), z.string().transform((text) => [text])]);
