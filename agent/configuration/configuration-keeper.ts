import { z } from 'zod';
import { configurationSchema } from '../../core/configuration/configuration.ts';
import {
  nothingHeld,
  receiveDesired,
  type ConfigurationReport,
  type HeldConfiguration,
} from '../../core/configuration/configuration-rules.ts';
import { asHoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { readVersionedFile, writeVersionedFile, type FileFormat } from '../state/versioned-file.ts';

export const configurationFileName = 'configuration.json';
const version = z.number().int().nonnegative();
const configurationFile = {
  format: 'holdfast-agent-configuration',
  version: 1,
  schema: z.object({
    /** Whose it is: versions of another gateway say nothing here. */
    gatewayId: z.string().max(64),
    held: z.object({
      version,
      configuration: configurationSchema,
      refused: z.object({ version, problems: z.array(z.string().max(500)).max(8) }).optional(),
    }),
  }),
} satisfies FileFormat<z.ZodObject>;

interface Desired {
  version: number;
  configuration: unknown;
}

export interface KeeperDeps {
  path: string;
  gatewayId: string;
  /** What is in force from now on. */
  apply: (held: HeldConfiguration) => void;
  report: (report: ConfigurationReport) => void;
  log: Log;
}

/** What this gateway is set to: on disk before it is in force, and in force before it is reported. */
export class ConfigurationKeeper {
  readonly #deps: KeeperDeps;
  #held: HeldConfiguration;
  /** One at a time: which version is the newest must not change between the look and the write. */
  #last: Promise<void> = Promise.resolve();
  /** The newest that waits for its turn; older ones are decided with it. */
  #waiting: Desired | undefined;

  private constructor(deps: KeeperDeps, held: HeldConfiguration) {
    this.#deps = deps;
    this.#held = held;
  }

  /** With what the last process held, in force. A file that is damaged is no reason to stay away: it is sent again. */
  static async open(deps: KeeperDeps): Promise<ConfigurationKeeper> {
    const keeper = new ConfigurationKeeper(deps, await load(deps));
    deps.apply(keeper.#held);
    return keeper;
  }

  get held(): HeldConfiguration {
    return this.#held;
  }

  /**
   * Resolves when it, or a newer one that came before its turn, is decided upon. Where that could not be stored nothing
   * is said, and it comes again.
   */
  desired(desired: Desired): Promise<void> {
    const waiting = this.#waiting;
    if (!waiting || desired.version >= waiting.version) this.#waiting = desired;
    if (waiting) return this.#last;
    this.#last = this.#last.then(() => {
      const newest = this.#waiting ?? desired;
      this.#waiting = undefined;
      return this.#receive(newest).catch((cause: unknown) =>
        this.#deps.log('error', 'configuration.not-taken', { version: newest.version, error: String(cause) }),
      );
    });
    return this.#last;
  }

  async #receive(desired: Desired): Promise<void> {
    const { path, gatewayId, apply, report: tell, log } = this.#deps;
    const { next, report } = receiveDesired(this.#held, desired);
    if (next) {
      await writeVersionedFile(path, configurationFile, { gatewayId, held: next });
      this.#held = next;
      apply(next);
      const problems = report.problems?.join('; ');
      log(problems ? 'warn' : 'info', `configuration.${report.outcome}`, {
        version: report.version,
        problems,
      });
    }
    tell(report);
  }
}

async function load({ path, gatewayId, log }: KeeperDeps): Promise<HeldConfiguration> {
  try {
    const found = await readVersionedFile(path, configurationFile);
    return found?.gatewayId === gatewayId ? found.held : nothingHeld;
  } catch (thrown) {
    log('warn', 'configuration.damaged', { error: asHoldfastError(thrown).message });
    return nothingHeld;
  }
}
