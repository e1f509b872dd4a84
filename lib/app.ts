import { App } from 'aws-cdk-lib';
import recommendedFlags from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { HoldfastError } from '../core/errors.ts';
import type { Bundles } from './bundle.ts';
import { CellStack } from './cell-stack.ts';
import { readConfig } from './config.ts';
import { HoldfastFunction } from './function.ts';
import { HomeStack } from './home-stack.ts';
import { checkSolutions } from './nag.ts';

export interface HoldfastAppProps {
  readonly bundles: Bundles;
  /** @default - CDK_OUTDIR, or a temporary directory */
  readonly outdir?: string;
  /** Overridden by `cdk -c` and CDK_CONTEXT_JSON. @default - every key of lib/config.ts has its default */
  readonly context?: Record<string, unknown>;
}

/**
 * Behaviour of the CDK that changed since it first came out: what this version recommends, set here and not in
 * cdk.json so that every way to synthesize agrees.
 */
const featureFlags = {
  ...recommendedFlags,
  // Home keeps what a cell still uses from being deleted.
  '@aws-cdk/core:defaultCrossStackReferences': 'strong',
};

/** The whole application: `holdfast-home` and one `holdfast-<cellId>` per cell. */
export function createApp(props: HoldfastAppProps): App {
  const app = new App({
    outdir: props.outdir,
    analyticsReporting: false,
    context: { ...featureFlags, ...props.context },
  });
  const config = readConfig(app.node.getAllContext() as Record<string, unknown>);
  const deployment = { config, bundles: props.bundles };
  const env = { region: config.region };
  const home = new HomeStack(app, 'holdfast-home', {
    deployment,
    env,
    description: 'Holdfast: gateways, commands, status, alerts and snapshots',
  });
  for (const cellId of config.cells) {
    const cell = new CellStack(app, `holdfast-${cellId}`, {
      deployment,
      env,
      cellId,
      home,
      description: `Holdfast: control server ${cellId}`,
    });
    cell.addStackDependency(home, 'home sets up the account’s API logging');
  }
  requireFunctions(app, Object.keys(config.reservedConcurrency));
  checkSolutions(app);
  return app;
}

/** A misspelt name would leave its function without the concurrency that somebody thinks it has. */
function requireFunctions(app: App, names: readonly string[]): void {
  const functions = app.node.findAll().filter((construct) => construct instanceof HoldfastFunction);
  const known = new Set(functions.map(({ node }) => node.id));
  const unknown = names.find((name) => !known.has(name));
  if (unknown)
    throw new HoldfastError('CONFIG', `context reservedConcurrency.${unknown}: there is no such function`, {
      hint: `the functions are ${[...known].join(', ')}`,
    });
}
