import type { Command } from 'commander';
import { timeText } from '../core/readable.ts';
import { limits } from '../core/limits.ts';
import { parseDurationMs } from './duration.ts';
import { fields } from './output.ts';
import { apiCommand, commandGroup, type CliDeps } from './program.ts';
import { askIntoNewFile } from './secret-file.ts';
import { typed } from '../core/typed.ts';

const ttlRange = { minMs: limits.ttlMinMs, maxMs: limits.activationCodeTtlMs };

export function addActivationCommands(program: Command, deps: CliDeps): void {
  const group = commandGroup(
    program,
    'activation',
    'activation codes: what a new gateway proves itself with',
    ['activation create --out code.txt'],
  );
  const create = apiCommand(group, 'create', 'create a single-use activation code', deps, [
    'activation create --out code.txt',
    `activation create --name "Oslo 1" --ttl 1h | ssh gateway ${typed('holdfast-agent activate --server URL')}`,
  ]);
  create
    .option('--name <text>', 'name that the gateway gets')
    .option('--ttl <duration>', 'how long the code is good for, at most 24h', '24h')
    .option('--confirm', 'the gateway takes no commands before `gateways confirm`')
    .option('--out <file>', 'write the code to this new file (mode 0600) instead of printing it')
    .run(async ({ api, deps, show }) => {
      const { name, ttl, out, json, confirm } = create.opts<{
        name?: string;
        ttl: string;
        out?: string;
        confirm?: boolean;
        json?: boolean;
      }>();
      const body = {
        ttlMs: parseDurationMs('--ttl', ttl, ttlRange),
        ...(name ? { gatewayName: name } : {}),
        ...(confirm ? { requireConfirmation: true } : {}),
      };
      const ask = () => api.call('createActivationCode', { body });
      if (out !== undefined) {
        const made = await askIntoNewFile(out, ask, ({ code }) => code);
        show({ file: out, tenantId: made.tenantId, expiresAt: made.expiresAt }, () =>
          fields({ file: out, tenant: made.tenantId, expires: timeText(made.expiresAt) }),
        );
        return;
      }
      const made = await ask();
      show(made, () => made.code);
      if (!json)
        deps.stderr(`tenant ${made.tenantId}, good for one gateway until ${timeText(made.expiresAt)}`);
    });
}
