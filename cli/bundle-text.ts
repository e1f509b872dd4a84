import {
  sectionNames,
  type Bundle,
  type BundleOutput,
  type NetworkCheck,
  type SectionName,
} from '../core/diagnostics.ts';
import { bytesText, durationText, timeText } from '../core/readable.ts';
import { fields, table } from './output.ts';

/** What was fetched, and what is in it. */
export function bundleText(
  bundle: Bundle | undefined,
  { file, output }: { file: string; output: BundleOutput },
): string {
  const head = fields({
    file,
    size: bytesText(output.sizeBytes),
    sha256: output.sha256,
    collected: bundle && `${timeText(bundle.collectedAt)}, by command ${bundle.commandId}`,
  });
  if (!bundle)
    return `${head}\n\nThis version cannot read it: a newer gateway wrote it, or something is wrong with it.`;
  const sections = sectionNames.map((name) => [name, holds(bundle, name)] as const);
  const parts = [head, fields(Object.fromEntries(sections))];
  if (bundle.network?.length) parts.push(networkTable(bundle.network));
  return parts.join('\n\n');
}

function holds(bundle: Bundle, name: SectionName): string {
  const problem = bundle.problems.find(({ section }) => section === name);
  if (problem) return `not collected: ${problem.message}`;
  const cut = bundle.cut.find(({ section }) => section === name);
  const text = bundle[name] === undefined ? 'nothing' : summaries[name](bundle);
  return cut ? `${text}; left out: ${cut.message}` : text;
}

/** Each is asked only where its section is there. */
const summaries: Record<SectionName, (bundle: Bundle) => string> = {
  agent: ({ agent }) =>
    `${agent!.agentVersion}, up ${durationText(agent!.uptimeMs)}, ${bytesText(agent!.residentBytes)}`,
  host: ({ host }) =>
    `${host!.hostname} (${host!.os}, ${host!.cpuCount} CPUs, ${bytesText(host!.memoryBytes)})`,
  configuration: ({ configuration }) => {
    const { cells, environment } = configuration!;
    return `${cells.length} cells, ${Object.keys(environment).length} variables`;
  },
  connection: ({ connection }) => {
    const { connected, cellId, losses, trouble } = connection!;
    return `${connected ? `to ${cellId}` : (trouble ?? 'none')}, ${losses} lost since the start`;
  },
  status: ({ status }) => `beat ${status!.seq}, ${Object.keys(status!.metrics).length} metrics`,
  volumes: ({ volumes = [] }) => {
    const ill = volumes
      .filter(({ health }) => !health.ok)
      .map(({ volumeId, state }) => `${volumeId} ${state}`);
    return `${volumes.length}${ill.length ? `: ${ill.join(', ')}` : ''}`;
  },
  queues: ({ queues }) => {
    const { spool, journal } = queues!;
    return `${spool.count} beats wait, ${spool.dropped} dropped; ${journal.open} commands open, ${journal.unsent} results unsent`;
  },
  commands: ({ commands = [] }) => {
    const failed = commands.filter(({ errorCode }) => errorCode !== undefined).length;
    return `${commands.length}, ${failed} with an error`;
  },
  network: ({ network = [] }) => `${network.filter(({ ok }) => ok).length} of ${network.length} reached`,
  log: ({ log }) => {
    const count = (level: string) => log!.lines.filter((line) => line['level'] === level).length;
    return `${log!.lines.length} lines, ${count('warn')} warnings, ${count('error')} errors`;
  },
};

function networkTable(checks: NetworkCheck[]): string {
  return table(
    ['TARGET', 'PROXY', 'TIME', 'CLOCK', 'FOUND'],
    checks.map((check) => [
      check.target,
      check.proxy ?? 'none',
      `${Math.round(check.steps.reduce((sum, { durationMs }) => sum + durationMs, 0))} ms`,
      check.clockOffsetMs === undefined ? '-' : `${(check.clockOffsetMs / 1_000).toFixed(1)} s`,
      found(check),
    ]),
  );
}

function found({ steps, httpStatus, certificate }: NetworkCheck): string {
  const failed = steps.find(({ ok }) => !ok);
  const trust = certificate && `certificate of ${certificate.issuer}, ${certificate.expiresInDays} days left`;
  const end = failed ? `${failed.step} failed: ${failed.error}` : httpStatus && `HTTP ${httpStatus}`;
  return [end, trust].filter(Boolean).join('; ') || 'the proxy answers';
}
