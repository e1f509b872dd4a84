import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { timeText } from '../core/readable.ts';
import { createApiClient } from './api-client.ts';
import { defaultDataDir, resolveContext, type LocalClient } from './context.ts';
import type { CliDeps } from './program.ts';
import { askIntoNewFile } from './secret-file.ts';
import { typed } from '../core/typed.ts';

/** Makes an activation code and prints what to type next in a second terminal to see a gateway come up. */
export async function printFirstSteps(client: LocalClient, dataDir: string, deps: CliDeps): Promise<void> {
  const api = createApiClient(resolveContext({ dataDir, endpoint: client.endpoint }, {}));
  const file = join(dataDir, 'activation-code');
  rmSync(file, { force: true });
  const ask = () => api.call('createActivationCode', { body: { gatewayName: 'first' } });
  const { code, expiresAt } = await askIntoNewFile(file, ask, (made) => made.code);
  const elsewhere = dataDir === defaultDataDir ? '' : ` --data-dir ${dataDir}`;
  deps.stdout(
    [
      '',
      `Activation code ${code}, good for one gateway until ${timeText(expiresAt)} (also in ${file}).`,
      'Next, in a second terminal:',
      '',
      `  ${typed(`holdfast-agent activate --server ${client.endpoint} --code-file ${file}`)}`,
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
