import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identityFileName, loadIdentity, saveIdentity } from '../../../agent/identity/gateway-identity.ts';
import type { ApiClient } from '../../../cli/api-client.ts';
import { until } from '../../../cli/demo/processes.ts';
import type { Answers } from '../../../core/api.ts';
import type { CommandKind } from '../../../core/command-kinds.ts';
import { finalCommandStates } from '../../../core/model.ts';
import { AgentProcess } from '../../agent/agent-process.ts';
import { runCli } from '../../agent/cli-runner.ts';
import { Cable } from '../../chaos/cable.ts';
import type { TestCloud } from '../../support/local-cloud.ts';
import { operatorApi } from '../../support/operator-api.ts';

type Command = Answers['getCommand']['command'];
const detour = fileURLToPath(new URL('detour.js', import.meta.url));
export const waitMs = 60_000;

/** A gateway on this machine whose ways to its cells and to S3 are cables, and whose clock is the test's. */
export class Site {
  readonly gatewayId: string;
  readonly dir: string;
  readonly image: string;
  readonly metricsDir: string;
  readonly uplink: Cable;
  readonly toS3: Cable;
  readonly #cloud: TestCloud;
  readonly #api: ApiClient;
  #agent: AgentProcess | undefined;

  private constructor(cloud: TestCloud, dir: string, gatewayId: string, cables: [Cable, Cable]) {
    this.#cloud = cloud;
    this.#api = operatorApi(cloud);
    this.dir = dir;
    this.gatewayId = gatewayId;
    [this.uplink, this.toS3] = cables;
    this.image = join(dir, 'vol1.img');
    this.metricsDir = join(dir, 'metrics');
  }

  static async make(cloud: TestCloud, dir: string, volumeBytes: number): Promise<Site> {
    const home = cloud.urls['holdfast-home']!['ApiUrl']!;
    const { code } = await operatorApi(cloud).call('createActivationCode', { body: {} });
    const state = join(dir, 's');
    const { stdout } = await runCli(['activate', '--server', home, '--state-dir', state, '--json'], {
      stdin: code,
    });
    const { gatewayId } = JSON.parse(stdout) as { gatewayId: string };
    const path = join(state, identityFileName);
    const identity = (await loadIdentity(path))!;
    const [cell] = identity.cells;
    const uplink = await Cable.to(cell!.webSocketUrl);
    await saveIdentity(path, { ...identity, cells: [{ ...cell!, webSocketUrl: uplink.url }] });
    // Its cell tells it where S3 is.
    const toS3 = await Cable.to(cloud.endpoints['holdfast-cell-1']!);
    const site = new Site(cloud, dir, gatewayId, [uplink, toS3]);
    mkdirSync(site.metricsDir);
    writeFileSync(site.image, randomBytes(volumeBytes));
    return site;
  }

  async startAgent(clockOffMs = 0): Promise<void> {
    this.#agent = this.agentIn(join(this.dir, 's'), clockOffMs);
    await this.#agent.until('link.up', {}, waitMs);
  }

  /** An agent that is nobody's: of a copied state directory. */
  agentIn(stateDir: string, clockOffMs = 0): AgentProcess {
    const portOf = (url: string) => new URL(url).port;
    return new AgentProcess(stateDir, ['--check-interval', '1s', '--metrics-dir', this.metricsDir], {
      NODE_OPTIONS: `--import=${detour}`,
      HOLDFAST_TEST_DETOUR: `${portOf(this.#cloud.endpoints['holdfast-cell-1']!)}:${portOf(this.toS3.url)}`,
      HOLDFAST_TEST_CLOCK_MS: String(clockOffMs),
    });
  }

  async stopAgent(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#agent?.kill(signal);
    this.#agent = undefined;
  }

  async submit(kind: CommandKind, params: Command['params'] = {}): Promise<string> {
    const { gatewayId } = this;
    const { command } = await this.#api.call('submitCommand', {
      params: { gatewayId },
      body: { kind, params },
    });
    return command.commandId;
  }

  ended(commandId: string): Promise<Command> {
    const params = { gatewayId: this.gatewayId, commandId };
    return until(`the end of ${commandId}`, waitMs, async () => {
      const { command } = await this.#api.call('getCommand', { params });
      return finalCommandStates.some((state) => state === command.state) ? command : undefined;
    });
  }

  async send(kind: CommandKind, params: Command['params'] = {}): Promise<void> {
    const { state, outcome } = await this.ended(await this.submit(kind, params));
    if (state !== 'SUCCEEDED') throw new Error(`${kind} ended ${state}: ${JSON.stringify(outcome?.error)}`);
  }

  /** Whatever goes to S3 from now on has no answer; neither end hears of it. */
  hangS3(): void {
    this.toS3.swallow();
  }
  answerS3(): void {
    this.toS3.cut('rst');
  }

  measure(name: string, value: number): void {
    writeFileSync(join(this.metricsDir, 'test.prom'), `${name} ${value}\n`);
  }

  async close(): Promise<void> {
    await this.stopAgent('SIGKILL');
    await Promise.all([this.uplink.unplug(), this.toS3.unplug()]);
  }
}
