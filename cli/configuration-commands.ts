import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import type { Configuration } from '../core/configuration/configuration.ts';
import type { ConfigurationView } from '../core/configuration/configuration-view.ts';
import { HoldfastError } from '../core/errors.ts';
import { timeText } from '../core/readable.ts';
import {
  changedConfiguration,
  checkedConfiguration,
  inTypedNames,
  settings,
  settingsHelp,
} from './configuration-text.ts';
import { parseJson } from './context.ts';
import { fields } from './output.ts';
import { apiCommand, type CliDeps, type Session } from './program.ts';

interface ConfigureFlags {
  set: string[];
  unset: string[];
  file?: string;
  ifVersion?: string;
}
const fileBytesMax = 64 * 1024;
const triesMax = 5;

/** What a gateway is set to, below `gateways`. */
export function addConfigurationCommands(group: Command, deps: CliDeps): void {
  apiCommand(group, 'configuration <gateway>', 'what a gateway is set to, and what it says of it', deps, [
    'gateways configuration gw-7x2k',
  ]).run(async ({ api, show }, gatewayId = '') => {
    const { configuration } = await api.call('getConfiguration', { params: { gatewayId } });
    show({ configuration }, () => configurationText(configuration));
  });

  const configure = apiCommand(group, 'configure <gateway>', 'set a gateway; it may be away', deps, [
    'gateways configure gw-7x2k --set log-level=debug',
    'gateways configure gw-7x2k --set time-zone=Europe/Oslo --set "restore-bandwidth=mon-fri 08:00-18:00 10MiB"',
    'gateways configure gw-7x2k --unset restore-bandwidth',
    'gateways configure gw-7x2k --file gateway.json --if-version 3',
  ]);
  configure
    .option('--set <name=value>', 'one setting; repeat it for more', collect, [])
    .option('--unset <name>', 'back to its default; repeat it for more', collect, [])
    .option('--file <file>', 'all settings, as JSON: what is not in it goes back to its default')
    .option('--if-version <n>', 'only over this version; 0: only if nothing was set yet')
    .addHelpText('after', `\nSettings:\n${settingsHelp}`)
    .run(async (session, gatewayId = '') => {
      const configuration = await setConfiguration(session, gatewayId, configure.opts<ConfigureFlags>());
      session.show({ configuration }, () => configurationText(configuration));
    });
}

const collect = (value: string, all: string[]): string[] => [...all, value];

/** Settings are changed over the version that was read, so that two who change different ones both do. */
async function setConfiguration(
  { api }: Session,
  gatewayId: string,
  flags: ConfigureFlags,
): Promise<ConfigurationView> {
  const asked = versionOf(flags.ifVersion);
  const params = { gatewayId };
  const put = async (configuration: Configuration, ifVersion: number | undefined) =>
    (await api.call('putConfiguration', { params, body: { configuration, ifVersion } })).configuration;
  const isChange = flags.set.length + flags.unset.length > 0;
  if (isChange === (flags.file !== undefined))
    throw new HoldfastError('USAGE', 'give either --set and --unset, or --file', {
      hint: `e.g. --set log-level=debug; the settings are ${Object.keys(settings).join(', ')}`,
    });
  if (flags.file !== undefined) return put(checkedConfiguration(readJsonFile(flags.file)), asked);
  for (let tries = 1; ; tries++) {
    const { configuration: now } = await api.call('getConfiguration', { params });
    try {
      const { version, configuration } = now.desired;
      return await put(changedConfiguration(configuration, flags), asked ?? version);
    } catch (thrown) {
      const isRace = thrown instanceof HoldfastError && thrown.code === 'CONFLICT' && asked === undefined;
      if (!isRace || tries >= triesMax) throw thrown;
    }
  }
}

function versionOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new HoldfastError('USAGE', `--if-version "${text}" is not a version`, {
    hint: 'a whole number from 0',
  });
}

function readJsonFile(file: string): unknown {
  let text: string;
  try {
    const { size } = statSync(file);
    text = size <= fileBytesMax ? readFileSync(file, 'utf8') : '';
  } catch (cause) {
    throw new HoldfastError('NOT_FOUND', `${file} cannot be read`, { hint: 'check --file', cause });
  }
  const json = parseJson(text);
  if (json !== undefined) return json;
  throw new HoldfastError('INVALID_INPUT', `${file} is not JSON`, { hint: 'e.g. {"logLevel":"debug"}' });
}

function configurationText(view: ConfigurationView): string {
  const { desired, isMaintenance } = view;
  const shown = Object.entries(settings).map(([name, { show }]) => [name, show(desired.configuration)]);
  const by = desired.changedBy;
  return fields(
    {
      gateway: view.gatewayId,
      state: stateText(view),
      version: desired.version === 0 ? 'none was set' : desired.version,
      'changed by': by && `${by.kind} ${by.id}, ${timeText(desired.changedAt)}`,
      ...(Object.fromEntries(shown) as Record<string, string | undefined>),
      ...(isMaintenance ? { 'maintenance now': 'yes' } : {}),
    },
    { wraps: true },
  );
}

function stateText({ state, desired, reported }: ConfigurationView): string {
  switch (state) {
    case 'in-sync':
      return reported ? `in sync since ${timeText(reported.at)}` : 'in sync: nothing was set';
    case 'waiting':
      return `waiting for the gateway${reported ? `, which has version ${reported.version}` : ''}`;
    case 'refused':
      return `refused: ${inTypedNames(reported?.problems?.join('; ') ?? 'it did not say why')}`;
    case 'ahead':
      return `the gateway has version ${reported?.version}, which is newer than ${desired.version}: set it again`;
  }
}
