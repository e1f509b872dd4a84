import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { timeText } from '../core/readable.ts';
import { shellWord, typed } from '../core/typed.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import { defaultDataDir, resolveContext, type LocalClient } from './context.ts';
import type { CliDeps } from './program.ts';
import { askIntoNewFile } from './secret-file.ts';

/**
 * Prints what to type next to see a gateway come up: with a new activation code where there is none yet, else how to
 * start the one that there is.
 */
export async function printFirstSteps(
  client: LocalClient,
  dataDir: string,
  deps: CliDeps & { isTerminal: boolean },
): Promise<void> {
  const api = createApiClient(resolveContext({ dataDir, endpoint: client.endpoint }, {}));
  const elsewhere = dataDir === defaultDataDir ? '' : ` --data-dir ${shellWord(dataDir)}`;
  const { gateways } = await api.call('listGateways');
  const isFirst = !gateways.some(({ status }) => status === 'active');
  const begin = isFirst ? await activateFirst(api, client.endpoint, dataDir, deps) : startAgain(elsewhere);
  deps.stdout(
    [
      '',
      ...begin,
      `  ${typed('holdfast-agent run')}`,
      '',
      'and in a third:',
      '',
      `  ${typed(`holdfast gateways list${elsewhere}`)}`,
      '',
      'Ctrl-C stops everything.',
      '',
    ].join('\n'),
  );
}

async function activateFirst(
  api: ApiClient,
  endpoint: string,
  dataDir: string,
  { isTerminal }: { isTerminal: boolean },
): Promise<string[]> {
  const file = join(dataDir, 'activation-code');
  rmSync(file, { force: true });
  const ask = () => api.call('createActivationCode', { body: { gatewayName: 'first' } });
  const { code, expiresAt } = await askIntoNewFile(file, ask, (made) => made.code);
  const until = `good for one gateway until ${timeText(expiresAt)}`;
  return [
    // A log keeps what it is told, and is read by others.
    isTerminal
      ? `Activation code ${code}, ${until} (also in ${file}).`
      : `An activation code, ${until}, is in ${file}.`,
    'Next, in a second terminal:',
    '',
    `  ${typed(`holdfast-agent activate --server ${endpoint} --code-file ${shellWord(file)}`)}`,
  ];
}

const startAgain = (elsewhere: string): string[] => [
  'A gateway is activated already. A code for another one:',
  '',
  `  ${typed(`holdfast activation create --out code.txt${elsewhere}`)}`,
  '',
  'Next, in a second terminal:',
  '',
];
