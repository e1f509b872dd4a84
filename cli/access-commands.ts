import { Option, type Command } from 'commander';
import { timeText } from '../core/readable.ts';
import { limits } from '../core/limits.ts';
import { parseDurationMs } from './duration.ts';
import { fields, table } from './output.ts';
import { apiCommand, commandGroup, type CliDeps } from './program.ts';
import { askIntoNewFile } from './secret-file.ts';
import { addDeleteSubscription, addListSubscriptions } from './subscription-commands.ts';
import { tenantRoles } from '../core/model.ts';

const ttlRange = { minMs: limits.ttlMinMs, maxMs: limits.tokenTtlMaxMs };

/** Who may ask for a tenant, and where its alerts go: below `holdfast admin`. */
export function addAccessCommands(admin: Command, deps: CliDeps): void {
  const tokens = commandGroup(admin, 'token', 'tokens of a tenant’s people and programs', [
    'admin token create --role tenant-admin --out admin.token',
    'admin token list',
  ]);
  const create = apiCommand(tokens, 'create', 'create a token; it is shown once', deps, [
    'admin token create --role tenant-admin --out admin.token',
  ]);
  create
    .addOption(new Option('--role <role>', 'what it may do').choices(tenantRoles).default('tenant-read'))
    .option('--ttl <duration>', 'how long it is good for', '90d')
    .option('--description <text>', 'what it is for')
    .requiredOption('--out <file>', 'write the token to this new file (mode 0600)')
    .run(async ({ api, show }) => {
      const flags = create.opts<{ role: string; ttl: string; description?: string; out: string }>();
      const body = {
        role: flags.role,
        ttlMs: parseDurationMs('--ttl', flags.ttl, ttlRange),
        ...(flags.description ? { description: flags.description } : {}),
      };
      const ask = () => api.call('createToken', { body });
      const { token: _secret, ...made } = await askIntoNewFile(flags.out, ask, ({ token }) => token);
      show({ ...made, file: flags.out }, () =>
        fields({
          token: made.tokenId,
          tenant: made.tenantId,
          role: made.role,
          expires: timeText(made.expiresAt),
          file: flags.out,
        }),
      );
    });
  apiCommand(tokens, 'list', 'list a tenant’s tokens', deps, ['admin token list']).run(
    async ({ api, show }) => {
      const { tokens } = await api.call('listTokens');
      const rows = tokens.map((t) => [t.tokenId, t.role, timeText(t.expiresAt), t.description ?? '-']);
      show({ tokens }, () => table(['TOKEN', 'ROLE', 'EXPIRES', 'FOR'], rows));
    },
  );
  apiCommand(tokens, 'delete <token>', 'end a token at once', deps, ['admin token delete t-19ab']).run(
    async ({ api, show }, tokenId = '') => {
      await api.call('deleteToken', { params: { tokenId } });
      show({ deleted: tokenId }, () => `${tokenId} is deleted`);
    },
  );

  const subscriptions = commandGroup(admin, 'subscription', 'where a tenant’s alerts go', [
    'admin subscription list',
    'admin subscription delete main',
  ]);
  addListSubscriptions(subscriptions, 'list', deps, ['admin subscription list']);
  addDeleteSubscription(subscriptions, 'delete', deps, ['admin subscription delete main']);
}
