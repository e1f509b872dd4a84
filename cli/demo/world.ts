import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AlertTrail, AlertView, CommandView } from '../../core/api.ts';
import type { GatewayView } from '../../core/identity/gateway-view.ts';
import { HoldfastError } from '../../core/errors.ts';
import { NbdClient } from './nbd-client.ts';
import { Processes, until } from './processes.ts';

/** What an agent says about one of its volumes, as far as the story needs it. */
export interface LocalVolume {
  state: string;
  nbdSocket?: string;
  restore?: { fraction: number; bytesPerSec: number };
}

/** A call to a running agent's control socket, as its own CLI makes it. */
export type CallAgent = (
  stateDir: string,
  method: string,
  params: Record<string, unknown>,
) => Promise<unknown>;

/** Every process of the story and what is asked of them: through the public CLIs and the agents' own sockets. */
export class World {
  readonly dir: string;
  readonly processes: Processes;
  readonly #bin: string;
  readonly #callAgent: CallAgent;

  constructor(dir: string, repositoryDir: string, callAgent: CallAgent) {
    this.dir = dir;
    this.#callAgent = callAgent;
    this.#bin = join(repositoryDir, 'bin');
    this.processes = new Processes(join(dir, 'logs'), {
      ...process.env,
      HOLDFAST_DATA_DIR: this.dataDir,
      NO_COLOR: '1',
    });
  }

  get dataDir(): string {
    return join(this.dir, 'cloud');
  }
  stateDir(agent: string): string {
    return join(this.dir, `agent-${agent}`);
  }

  holdfast(...args: string[]): Promise<string> {
    return this.processes.must(process.execPath, [join(this.#bin, 'holdfast.ts'), ...args]);
  }
  async holdfastJson<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.holdfast(...args, '--json')) as T;
  }
  agentCli(agent: string, args: string[], stdin = ''): Promise<string> {
    return this.processes.must(
      process.execPath,
      [join(this.#bin, 'holdfast-agent.ts'), ...args, '--state-dir', this.stateDir(agent)],
      stdin,
    );
  }
  start(name: string, program: 'holdfast' | 'holdfast-agent', args: string[]): Promise<ChildProcess> {
    return this.processes.start(name, process.execPath, [join(this.#bin, `${program}.ts`), ...args]);
  }
  async startAgent(agent: string): Promise<ChildProcess> {
    await mkdir(this.dir, { recursive: true });
    const args = ['run', '--state-dir', this.stateDir(agent), '--check-interval', '2s', '--log', 'json'];
    return this.start(`agent-${agent}`, 'holdfast-agent', args);
  }

  async gateway(gatewayId: string): Promise<GatewayView> {
    return (await this.holdfastJson<{ gateway: GatewayView }>('gateways', 'show', gatewayId)).gateway;
  }
  async send(
    gatewayId: string,
    kind: string,
    params: Record<string, string>,
    flags: string[] = [],
  ): Promise<CommandView> {
    const pairs = Object.entries(params).flatMap(([name, value]) => ['-p', `${name}=${value}`]);
    const answer = await this.holdfastJson<{ command: CommandView }>(
      'send',
      gatewayId,
      kind,
      ...pairs,
      ...flags,
    );
    return answer.command;
  }
  async alerts(): Promise<AlertView[]> {
    return (await this.holdfastJson<{ alerts: AlertView[] }>('alerts', 'list', '--all')).alerts;
  }
  trail(alertKey: string): Promise<AlertTrail> {
    return this.holdfastJson<AlertTrail>('alerts', 'trail', alertKey);
  }

  /** Asked over the socket: starting a process for each look would be too slow to catch a moment. */
  async volume(agent: string, volumeId: string): Promise<LocalVolume> {
    return (await this.#callAgent(this.stateDir(agent), 'volume.show', { volumeId })) as LocalVolume;
  }
  /** An NBD connection to a volume of a running agent. */
  async nbd(agent: string, volumeId: string): Promise<NbdClient> {
    const { nbdSocket } = await this.volume(agent, volumeId);
    if (!nbdSocket) throw new HoldfastError('STEP_FAILED', `volume ${volumeId} is not served`);
    return NbdClient.open(nbdSocket, volumeId);
  }
  /** The restored fraction as the agent says it now. */
  async fraction(agent: string, volumeId: string): Promise<number> {
    const volume = await this.volume(agent, volumeId);
    return volume.restore?.fraction ?? (volume.state === 'healthy' ? 1 : 0);
  }
  /** The first restored fraction that is `atLeast` or more, and more than nothing. */
  untilFraction(agent: string, volumeId: string, atLeast: number, timeoutMs: number): Promise<number> {
    const look = async () => {
      const fraction = await this.fraction(agent, volumeId);
      return fraction > 0 && fraction >= atLeast ? fraction : undefined;
    };
    return until(`restored fraction ${atLeast}`, timeoutMs, look, 20);
  }
}
