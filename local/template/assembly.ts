import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import { notKnownHere, templateError } from './template-error.ts';
import { typed } from '../../core/typed.ts';

/** One synthesized stack: its template as written and where its assets lie on disk. */
export interface Stack {
  readonly name: string;
  /** Region that the stack is synthesized for; undefined when it is open. */
  readonly region?: string;
  readonly dependsOn: readonly string[];
  readonly template: Template;
  /** Object key in the asset bucket → path of the file or unpacked directory. */
  readonly assets: ReadonlyMap<string, string>;
}

export type Template = z.infer<typeof templateSchema>;
export type TemplateResource = z.infer<typeof resourceSchema>;

const resourceSchema = z.strictObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DependsOn: z.union([z.string(), z.array(z.string())]).optional(),
  Metadata: z.unknown().optional(),
  Condition: z.string().optional(),
  DeletionPolicy: z.string().optional(),
  UpdateReplacePolicy: z.string().optional(),
});

const templateSchema = z.strictObject({
  AWSTemplateFormatVersion: z.string().optional(),
  Description: z.string().optional(),
  Metadata: z.unknown().optional(),
  Parameters: z.record(z.string(), z.looseObject({ Type: z.string(), Default: z.unknown() })).default({}),
  // Rules check what the account was bootstrapped with; there is nothing to check on one machine.
  Rules: z.unknown().optional(),
  Mappings: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))).default({}),
  Conditions: z.record(z.string(), z.unknown()).default({}),
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z
    .record(
      z.string(),
      z.strictObject({
        Value: z.unknown(),
        Description: z.string().optional(),
        Condition: z.string().optional(),
        Export: z.strictObject({ Name: z.unknown() }).optional(),
      }),
    )
    .default({}),
});

const manifestSchema = z.looseObject({
  artifacts: z.record(
    z.string(),
    z
      .looseObject({
        type: z.string(),
        dependencies: z.array(z.string()).default([]),
        environment: z.string().optional(),
        properties: z
          .looseObject({ templateFile: z.string(), stackName: z.string(), file: z.string() })
          .partial(),
      })
      .partial({ properties: true }),
  ),
});

const assetsSchema = z.looseObject({
  files: z
    .record(
      z.string(),
      z.looseObject({
        source: z.looseObject({ path: z.string(), packaging: z.string().default('file') }),
        destinations: z.record(z.string(), z.looseObject({ objectKey: z.string() })),
      }),
    )
    .default({}),
  dockerImages: z.record(z.string(), z.unknown()).default({}),
});

const synthAgain = `${typed('holdfast up')} without --no-synth synthesizes it anew`;

/** Kinds of artifact that describe the assembly itself and have nothing to boot. */
const passiveArtifacts = new Set(['cdk:tree', 'cdk:feature-flag-report', 'cdk:asset-manifest']);

/**
 * Reads a synthesized cloud assembly; stacks come back so that each stands after those it depends on.
 * Throws NOT_FOUND when there is none, CONFIG when it holds something that only CloudFormation can boot.
 */
export function readAssembly(cdkOutDir: string): Stack[] {
  const manifestFile = join(cdkOutDir, 'manifest.json');
  if (!existsSync(manifestFile))
    throw new HoldfastError('NOT_FOUND', `${manifestFile} is missing`, {
      hint: synthAgain,
    });
  const { artifacts } = readJson(manifestFile, manifestSchema);
  const stacks: Stack[] = [];
  for (const [id, artifact] of Object.entries(artifacts)) {
    if (passiveArtifacts.has(artifact.type)) continue;
    if (artifact.type !== 'aws:cloudformation:stack')
      throw notKnownHere(
        `${manifestFile}: artifact ${id} is a ${artifact.type}; only stacks boot locally`,
        'local/template/assembly.ts',
      );
    const { templateFile, stackName = id } = artifact.properties ?? {};
    if (!templateFile) throw templateError(`${manifestFile}: stack ${id} names no template`, synthAgain);
    stacks.push({
      name: stackName,
      region: regionOf(artifact.environment),
      dependsOn: artifact.dependencies.filter(
        (other) => artifacts[other]?.type === 'aws:cloudformation:stack',
      ),
      template: readJson(join(cdkOutDir, templateFile), templateSchema),
      assets: readAssets(
        cdkOutDir,
        artifact.dependencies.map((other) => artifacts[other]?.properties?.file),
      ),
    });
  }
  if (stacks.length === 0) throw templateError(`${manifestFile} holds no stack`, synthAgain);
  return inDependencyOrder(stacks);
}

/** `aws://account/region` */
function regionOf(environment: string | undefined): string | undefined {
  const region = environment?.split('/').at(-1);
  return region === 'unknown-region' ? undefined : region;
}

function readAssets(cdkOutDir: string, files: (string | undefined)[]): Map<string, string> {
  const assets = new Map<string, string>();
  for (const file of files) {
    if (!file) continue;
    const manifest = readJson(join(cdkOutDir, file), assetsSchema);
    const [image] = Object.keys(manifest.dockerImages);
    if (image)
      throw templateError(
        `${file}: docker image ${image} cannot run in the local mode`,
        'bundle the code as files instead, as lib/bundle.ts does',
      );
    for (const asset of Object.values(manifest.files))
      for (const { objectKey } of Object.values(asset.destinations))
        assets.set(objectKey, join(cdkOutDir, asset.source.path));
  }
  return assets;
}

function inDependencyOrder(stacks: Stack[]): Stack[] {
  const ordered: Stack[] = [];
  const pending = [...stacks];
  while (pending.length > 0) {
    const next = pending.findIndex(({ dependsOn }) => !pending.some(({ name }) => dependsOn.includes(name)));
    if (next < 0)
      throw templateError(`stacks depend on each other: ${pending.map(({ name }) => name).join(', ')}`);
    ordered.push(...pending.splice(next, 1));
  }
  return ordered;
}

function readJson<T extends z.ZodType>(file: string, schema: T): z.infer<T> {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new HoldfastError('CONFIG', `${file} cannot be read: ${(cause as Error).message}`, {
      hint: synthAgain,
      cause,
    });
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw templateError(
    `${file}: ${issue?.path.join('.') || 'document'}: ${issue?.message}`,
    `${synthAgain}; a newer CDK's would have to be added to local/template/assembly.ts`,
  );
}
