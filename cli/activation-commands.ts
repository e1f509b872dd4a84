import { openSync, closeSync, writeSync, fsyncSync } from 'node:fs';
import type { Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parseDurationMs } from './duration.ts';
import { fields, time } from './output.ts';
import { apiCommand, commandGroup, type CliDeps } from './program.ts';
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
    .option('--out <file>', 'write the code to this new file (mode 0600) instead of printing it')
    .run(async ({ api, deps, show }) => {
      const { name, ttl, out, json } = create.opts<{
        name?: string;
        ttl: string;
        out?: string;
        json?: boolean;
      }>();
      const body = { ttlMs: parseDurationMs('--ttl', ttl, ttlRange), ...(name ? { gatewayName: name } : {}) };
      const made = await api.call('createActivationCode', { body });
      if (out) {
        writeNewSecret(out, made.code);
        show({ file: out, tenantId: made.tenantId, expiresAt: made.expiresAt }, () =>
          fields({ file: out, tenant: made.tenantId, expires: time(made.expiresAt) }),
        );
        return;
      }
      show(made, () => made.code);
      if (!json) deps.stderr(`tenant ${made.tenantId}, good for one gateway until ${time(made.expiresAt)}`);
    });
}

/** Writes a file that did not exist, readable by its owner only. Throws CONFLICT, IO. */
export function writeNewSecret(file: string, secret: string): void {
  let fd: number;
  try {
    fd = openSync(file, 'wx', 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new HoldfastError('CONFLICT', `${file} exists already`, { hint: 'name a new file', cause });
    throw new HoldfastError('IO', `${file} cannot be created`, { hint: 'check the directory', cause });
  }
  try {
    writeSync(fd, `${secret}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
