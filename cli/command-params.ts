import { paramOfText, type CommandKind } from '../core/command-kinds.ts';
import { HoldfastError } from '../core/errors.ts';
import { isDeeperThan } from '../core/json-depth.ts';
import { typed } from '../core/typed.ts';
import { parseJson } from './context.ts';
import { namedValue, requireEachOnce } from './named-values.ts';
import type { CliDeps } from './program.ts';

const paramLevelsMax = 16;

/** Of `--params` and `-p`, together. */
export async function readParams(
  deps: CliDeps,
  kind: CommandKind,
  flags: { param: string[]; params?: string },
): Promise<Record<string, unknown>> {
  // Pairs, so that a parameter named __proto__ is a parameter too, and is refused as an unknown one.
  const pairs: [string, unknown][] = [];
  if (flags.params !== undefined) {
    if (flags.params !== '-')
      throw new HoldfastError('USAGE', '--params takes only - (standard input)', {
        hint: '--params - < file.json',
      });
    const value = parseJson(await deps.readStdin());
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new HoldfastError('INVALID_INPUT', 'standard input is not a JSON object', {
        hint: 'e.g. {"volumeId":"vol1"}',
      });
    if (isDeeperThan(value, paramLevelsMax))
      throw new HoldfastError(
        'INVALID_INPUT',
        `the parameters are nested deeper than ${paramLevelsMax} levels`,
        {
          hint: `no kind of command takes such parameters: see \`${typed('holdfast commands kinds')}\``,
        },
      );
    pairs.push(...Object.entries(value));
  }
  for (const text of flags.param) {
    const [name, value] = namedValue('-p', text, 'volumeId=vol1');
    pairs.push([name, paramOfText(kind, name, value)]);
  }
  const names = pairs.map(([name]) => name);
  requireEachOnce('-p', names, 'give each parameter once, behind -p or in what --params reads');
  return Object.fromEntries(pairs);
}
