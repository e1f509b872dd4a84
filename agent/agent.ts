import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Log, LogLevel } from '../core/log.ts';
import type { Downstream } from '../core/messages.ts';
import { redactor } from '../core/redact.ts';
import { CommandJournal, journalFileName } from './commands/command-journal.ts';
import { CommandRunner } from './commands/command-runner.ts';
import { makeExecutors } from './commands/executors.ts';
import { configurationFileName } from './configuration/configuration-keeper.ts';
import { followConfiguration } from './configuration/follow-configuration.ts';
import { CredentialBroker } from './connection/credential-broker.ts';
import { linkMemoryFileName, linkMemoryWriter, loadLinkMemory } from './connection/link-memory.ts';
import { Link } from './connection/link.ts';
import { outboundAgent } from './connection/outbound-agent.ts';
import { StatusUplink } from './connection/status-uplink.ts';
import { storageAccess } from './connection/storage-access.ts';
import { wsDialer } from './connection/ws-dialer.ts';
import { agentMethods, type AgentView } from './control/agent-methods.ts';
import { serveControl } from './control/control-server.ts';
import { diagnose } from './diagnostics/diagnostics.ts';
import { environmentSecrets } from './diagnostics/environment.ts';
import { LogRing, logToAll } from './diagnostics/log-ring.ts';
import { cellsInOrder } from './identity/gateway-identity.ts';
import { KeyRotation } from './identity/key-rotation.ts';
import { loadWhoWeAre } from './identity/who-we-are.ts';
import { controlSocketPath, stateDirectories, type StateDirectory } from './state/state-directory.ts';
import type { VolumeInfo } from './ports.ts';
import { noteStart } from './status/kept-facts.ts';
import { openSpool } from './status/spool.ts';
import { makeStatusSource } from './connection/status-source.ts';
import { agentVersion } from './version.ts';
import { openTransfers } from './transfer/transfers.ts';
import { makeVolumeService } from './volumes/volume-service.ts';
import { watchVolumes } from './connection/volume-watch.ts';

export interface AgentOptions {
  state: StateDirectory;
  env: Record<string, string | undefined>;
  log: Log;
  /** Time between two looks at each volume, in ms. */
  checkIntervalMs: number;
  /** Port of the Prometheus endpoint on 127.0.0.1; none without it. */
  metricsPort?: number;
  /** Where the gateway's own data path writes its metrics. */
  metricsDir?: string;
  /** Of all restores' backgrounds together. */
  restoreBytesPerSec?: number;
  /** The configuration's; undefined: it names none. */
  setLogLevel?: (level: LogLevel | undefined) => void;
  /** Asks for the end of this agent and a new one in its place. */
  requestRestart: () => void;
}

export interface RunningAgent {
  readonly gatewayId: string;
  /** Says goodbye, ends what runs, closes the volumes. */
  close(): Promise<void>;
}

/** What people look at while it lasts: it is reported more often. */
const isAtWork = ({ state, upload }: VolumeInfo): boolean => state === 'restoring' || upload !== undefined;

const setTimer = (run: () => void, delayMs: number): (() => void) => {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
};

/**
 * The agent of an activated gateway: its volumes are served, its connection is kept, its commands run.
 * Throws CONFIG where the gateway is not activated, CORRUPT for damaged state, and what the volumes throw.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const open = new AsyncDisposableStack();
  try {
    return await assemble(options, open);
  } catch (thrown) {
    await open.disposeAsync();
    throw thrown;
  }
}

/** `open`: what has to be closed again, in the opposite order. */
async function assemble(options: AgentOptions, open: AsyncDisposableStack): Promise<RunningAgent> {
  const { state, env, checkIntervalMs, metricsPort, metricsDir, restoreBytesPerSec } = options;
  const { identity, ring } = await loadWhoWeAre(state);
  const bootId = randomUUID();
  const clocks = { now: () => performance.now(), unixMs: Date.now };
  const startedAt = clocks.unixMs();
  const secrets = environmentSecrets(env);
  const redact = redactor(() => [...secrets, ...ring.secrets, ...broker.secrets()]);
  const logRing = new LogRing({ redact, now: clocks.unixMs });
  const log = logToAll(options.log, logRing.log);
  const broker = new CredentialBroker({
    request: (body) => link.send('creds.get', body),
    serverTime: () => link.serverTime(),
    setTimer,
    log,
  });
  const kept = await noteStart(state, startedAt, log);
  open.defer(() => kept.stop());
  const outbound = outboundAgent(env);
  const journal = await CommandJournal.open(state.file(journalFileName), { now: clocks.unixMs, log });
  open.defer(() => journal.close());
  const spool = await openSpool({ path: state.file('status.spool'), log });
  open.defer(() => spool.close());
  const ready = Promise.withResolvers<void>();
  let { name } = identity;
  const memoryPath = state.file(linkMemoryFileName);

  const link = new Link(
    await loadLinkMemory(memoryPath, log),
    cellsInOrder(identity.cells, identity.preferredCellId),
    {
      up: ({ welcome }) => {
        name = welcome.name ?? name;
        broker.connected();
        rotation.connected();
        // Not before the volumes are open: a status without them would look like a loss.
        void ready.promise.then(() => {
          if (!link.view().connected) return;
          uplink.up(welcome);
          runner.sayAgain();
        });
      },
      down: () => uplink.down(),
      message: route,
      sayAgain: () => [runner, uplink].forEach((part) => part.sayAgain()),
      takenOver: () => runner.hold(),
      keyWelcomed: () => rotation.welcomed(),
    },
    {
      ...clocks,
      dial: wsDialer(outbound),
      random: Math.random,
      setTimer,
      log,
      signToken: (dial) => ring.signToken(identity.gatewayId, dial),
      remember: linkMemoryWriter(memoryPath),
      hello: () => ({
        bootId,
        journalId: journal.journalId,
        agentVersion,
        configVersion: configuration.version,
      }),
    },
  );
  const { serverTime } = link;
  const rotation = new KeyRotation({ ring, gatewayId: identity.gatewayId, link, setTimer, log });
  const storage = storageAccess({ broker, agent: outbound, clockOffsetMs: () => link.view().clockOffsetMs });
  open.defer(() => storage.close());
  const transfers = open.use(openTransfers(options.env));
  const volumes = makeVolumeService({
    transfers,
    directory: state.file('volumes'),
    stateDirectories: [state.path, ...stateDirectories(options.env)],
    nbdSocket: join(state.path, 'nbd.sock'),
    bucketFor: storage.bucketFor,
    bandwidthBytesPerSec: restoreBytesPerSec,
    log,
  });
  const source = await makeStatusSource({
    ...{ bootId, startedAt, state, volumes, spool, link, broker, log },
    ...{ setTimer, now: clocks.now },
    starts: kept.starts,
    metricsDir,
    intervalMs: () => uplink.intervalMs,
  });
  open.defer(() => source.rollups.stop());
  const uplink = new StatusUplink({
    collect: source.heartbeat,
    inventory: source.inventory,
    spool,
    rollups: source.rollups,
    send: (type, body) => link.send(type, body),
    isPingAnswered: () => link.isPingAnswered,
    isBusy: () => runner.runningIds.length > 0 || volumes.list().some(isAtWork),
    now: clocks.now,
    setTimer,
    log,
  });
  const runner = new CommandRunner({
    journal,
    executors: makeExecutors({
      volumes,
      bucketFor: storage.bucketFor,
      status: source.heartbeat,
      agentVersion,
      bootId,
      unixMs: clocks.unixMs,
      diagnose: (execution) =>
        diagnose(
          {
            ...clocks,
            ...{ identity, env, link, status: source, volumes, spool, journal, logRing, redact, startedAt },
            keyGeneration: ring.generation,
            versions: { agentVersion, bootId },
            stateDir: state.path,
            settings: { checkIntervalMs, metricsPort, metricsDir, restoreBytesPerSec },
            runningIds: () => runner.runningIds,
            bucketFor: storage.bucketFor,
          },
          execution,
        ),
      rotateKey: (signal) => rotation.rotate(signal),
      restart: options.requestRestart,
    }),
    send: (type, body) => link.send(type, body),
    serverTime,
    setTimer,
    log,
  });

  const configuration = await followConfiguration({
    path: state.file(configurationFileName),
    gatewayId: identity.gatewayId,
    volumes,
    uplink,
    setLogLevel: options.setLogLevel,
    report: (report) => link.send('state.reported', report),
    ...{ serverTime, setTimer, log },
  });
  open.defer(() => configuration.stop());

  function route(message: Downstream): void {
    switch (message.t) {
      case 'cmd':
      case 'cmd.go':
      case 'cmd.cancel':
      case 'result.ack':
        return void ready.promise.then(() => runner.handle(message));
      case 'status.ack':
        return void uplink.acked(message.body, bootId).catch(() => undefined);
      case 'inventory.ack':
        return uplink.inventoryAcked(message.body.hash);
      case 'state.desired':
        return void configuration.desired(message.body);
      case 'watch':
        return uplink.watch(message.body);
      case 'creds':
        return broker.answered(message.body);
      case 'key.rotated':
        return rotation.answered(message.body);
      default:
        return log('warn', 'message.unused', { type: message.t });
    }
  }

  // Credentials come over the connection, and restores that go on want them: it is dialed before the volumes open.
  for (const part of [link, uplink]) open.defer(() => part.stop());
  for (const part of [volumes, broker, rotation]) open.defer(() => part.close());
  open.defer(() => runner.stop());
  link.start();
  await volumes.start();
  await runner.start();
  // Before the first heartbeat: what changes after that one differs from what the watch saw.
  const watch = await watchVolumes({
    volumes,
    watch: source.watch,
    changed: () => uplink.changed(),
    checkIntervalMs,
    setTimer,
    log,
  });
  open.defer(() => watch.stop());
  ready.resolve();
  uplink.start();
  const metrics = metricsPort === undefined ? undefined : await source.serveMetrics(metricsPort);
  open.defer(() => metrics?.close());
  if (metrics) log('info', 'metrics.served', { url: metrics.url });
  const view = (): AgentView => ({
    agentVersion,
    bootId,
    pid: process.pid,
    gatewayId: identity.gatewayId,
    tenantId: identity.tenantId,
    name,
    key: rotation.inForce,
    stateDir: state.path,
    connection: link.view(),
    commands: { running: runner.runningIds, journalId: journal.journalId },
    spool: { count: spool.count, dropped: spool.dropped },
    configuration: configuration.state,
    volumes: volumes.list(),
  });
  const control = await serveControl(
    controlSocketPath(state.path),
    agentMethods({ volumes, bucketFor: storage.bucketFor, view }),
    log,
  );
  open.defer(() => control.close());
  log('info', 'agent.started', { gatewayId: identity.gatewayId, bootId, version: agentVersion });
  return {
    gatewayId: identity.gatewayId,
    close: async () => {
      await open.disposeAsync();
      log('info', 'agent.stopped', { gatewayId: identity.gatewayId });
    },
  };
}
