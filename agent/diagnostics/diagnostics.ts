import { createHash } from 'node:crypto';
import { bundleName, diagnosticsLimits, type BundleOutput, type Section } from '../../core/diagnostics.ts';
import { bucketUrl } from '../../core/s3-address.ts';
import type { Journal } from '../commands/command-journal.ts';
import type { Execution } from '../commands/executor.ts';
import type { Link } from '../connection/link.ts';
import { proxyFor } from '../connection/outbound-agent.ts';
import type { StatusSource } from '../connection/status-source.ts';
import type { GatewayIdentity } from '../identity/gateway-identity.ts';
import type { BucketAccess, BucketFor, VolumeService } from '../ports.ts';
import { openBucket } from '../s3/s3-bucket.ts';
import type { Spool } from '../status/spool.ts';
import { collectBundle, type SectionSources } from './collect-bundle.ts';
import { shownEnvironment } from './environment.ts';
import { journalCounts, newestCommands } from './journal-view.ts';
import type { LogRing } from './log-ring.ts';
import { checkTarget } from './network-check.ts';
import { packBundle, sectionsOf } from './pack-bundle.ts';

/** The agent's parts that a bundle shows. */
export interface DiagnosticsParts {
  identity: GatewayIdentity;
  keyGeneration: number;
  versions: { agentVersion: string; bootId: string };
  startedAt: number;
  stateDir: string;
  settings: Pick<
    Section<'configuration'>,
    'checkIntervalMs' | 'metricsPort' | 'metricsDir' | 'restoreBytesPerSec'
  >;
  env: Record<string, string | undefined>;
  link: Pick<Link, 'view'>;
  status: Pick<StatusSource, 'heartbeat' | 'inventory'>;
  volumes: Pick<VolumeService, 'list'>;
  spool: Pick<Spool, 'count' | 'dropped'>;
  journal: Journal;
  runningIds: () => string[];
  logRing: Pick<LogRing, 'section'>;
  redact: (text: string) => string;
  bucketFor: BucketFor;
  unixMs: () => number;
  now: () => number;
}

/** Collects a bundle, and uploads it under the name that the command's id gives it: run again, it is written again. */
export async function diagnose(
  parts: DiagnosticsParts,
  { commandId, signal, progress }: Pick<Execution, 'commandId' | 'signal' | 'progress'>,
): Promise<BundleOutput> {
  progress(0, 'asking for credentials');
  const access = await parts.bucketFor({ kind: 'diagnostics' });
  const { tenantId, gatewayId } = parts.identity;
  const collected = await collectBundle(
    { tenantId, gatewayId, commandId },
    {
      sources: sectionSources(parts, () => storageUrl(access)),
      redact: parts.redact,
      unixMs: parts.unixMs,
      onSection: (section, fraction) => progress(fraction * 0.9, `collecting ${section}`),
    },
    signal,
  );
  const { bytes, bundle } = await packBundle(collected);
  progress(0.9, 'uploading');
  const hash = createHash('sha256').update(bytes).digest();
  await openBucket(clientOf(access)).put(bundleName(commandId), bytes, { hash, signal });
  return {
    key: `${access.prefix}${bundleName(commandId)}`,
    sizeBytes: bytes.length,
    sha256: hash.toString('hex'),
    sections: sectionsOf(bundle),
    problems: bundle.problems.map(({ section }) => section),
    cut: bundle.cut.map(({ section }) => section),
  };
}

const clientOf = ({ client, bucket, prefix }: BucketAccess) => ({ client, bucket, prefix });

function sectionSources(parts: DiagnosticsParts, storage: () => Promise<URL>): SectionSources {
  const { identity, link, status, volumes, spool, journal, unixMs } = parts;
  return {
    agent: () => ({
      ...parts.versions,
      nodeVersion: process.version,
      pid: process.pid,
      startedAt: parts.startedAt,
      uptimeMs: unixMs() - parts.startedAt,
      residentBytes: process.memoryUsage.rss(),
    }),
    host: () => status.inventory(),
    configuration: () => ({
      ...parts.settings,
      name: identity.name,
      serverUrl: identity.serverUrl,
      stateDir: parts.stateDir,
      keyGeneration: parts.keyGeneration,
      activatedAt: identity.activatedAt,
      cells: identity.cells,
      environment: shownEnvironment(parts.env),
    }),
    connection: () => link.view(),
    status: () => status.heartbeat(),
    volumes: () => volumes.list(),
    queues: () => ({
      spool: { count: spool.count, dropped: spool.dropped },
      journal: journalCounts(journal),
      running: parts.runningIds(),
    }),
    commands: () => newestCommands(journal),
    network: () => checkNetwork(parts, storage),
    log: () => parts.logRing.section(),
  };
}

async function checkNetwork(
  parts: DiagnosticsParts,
  storage: () => Promise<URL>,
): Promise<Section<'network'>> {
  const cells = parts.identity.cells.slice(0, diagnosticsLimits.cells);
  const targets = [
    ...cells.map(({ cellId, webSocketUrl }) => ({ target: cellId, url: new URL(webSocketUrl) })),
    { target: 's3', url: await storage() },
  ];
  const deps = { proxyFor, now: parts.now, unixMs: parts.unixMs };
  return Promise.all(targets.map((target) => checkTarget(target, deps)));
}

/** Where this session's uploads go. */
async function storageUrl({ client, bucket }: BucketAccess): Promise<URL> {
  const endpoint = await client.config.endpoint?.();
  const port = endpoint?.port === undefined ? '' : `:${endpoint.port}`;
  return bucketUrl({
    bucket,
    region: await client.config.region(),
    endpoint: endpoint && `${endpoint.protocol}//${endpoint.hostname}${port}`,
  });
}
