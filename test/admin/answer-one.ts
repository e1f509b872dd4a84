import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AdminApi } from '../../admin/admin-api.ts';
import { CaseBook } from '../../admin/case-book.ts';
import { runAdmin } from '../../admin/run-admin.ts';
import { firing, playbook } from './admin-world.ts';

/**
 * An admin process whose queue is a message and a mark in the state directory that it was removed. Ends when the case
 * is closed; at once where the message is gone and the book has no open case.
 */
export async function answerOne(api: AdminApi, stateDir: string): Promise<CaseBook> {
  const removed = join(stateDir, 'removed');
  const book = await CaseBook.open(stateDir);
  const messages = existsSync(removed) ? [] : [{ receipt: '1', body: JSON.stringify(firing()) }];
  if (messages.length === 0 && book.open().length === 0) return book;
  const ending = new AbortController();
  await runAdmin(
    {
      api,
      queue: {
        receive: async (signal) => {
          if (messages.length > 0) return messages.splice(0);
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          return [];
        },
        remove: async () => writeFileSync(removed, ''),
        extend: async () => undefined,
        hiddenMs: 60_000,
      },
      book,
      playbook,
      now: Date.now,
      sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
      log: (_level, event) => {
        if (/\.(confirmed|moot|escalated)$/.test(event)) ending.abort();
      },
      pollMs: { command: 1, alert: 1, retry: 1 },
    },
    ending.signal,
  );
  return book;
}
