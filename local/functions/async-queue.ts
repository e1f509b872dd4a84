import type { DatabaseSync } from 'node:sqlite';

/** An event that was accepted for later; it stays stored until it was handled or handed to its failure destination. */
export interface AsyncEvent {
  readonly id: string;
  readonly functionName: string;
  readonly event: string;
  readonly attempts: number;
  readonly acceptedAtMs: number;
  /** What names the clock that it came from, if it came from one. */
  readonly schedule?: string;
}

interface Row {
  id: string;
  function_name: string;
  event: string;
  attempts: number;
  accepted_at_ms: number;
  schedule: string | null;
}

/** Accepted events on disk, so that a restart (or SIGKILL) loses none. */
export class AsyncQueue {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(
      'CREATE TABLE IF NOT EXISTS async_events (id TEXT PRIMARY KEY, function_name TEXT NOT NULL, event TEXT NOT NULL, ' +
        'attempts INTEGER NOT NULL, accepted_at_ms INTEGER NOT NULL, schedule TEXT) STRICT',
    );
    // A directory of before clocks were told apart.
    const columns = database.prepare('PRAGMA table_info(async_events)').all();
    if (!columns.some(({ name }) => name === 'schedule'))
      database.exec('ALTER TABLE async_events ADD COLUMN schedule TEXT');
  }

  put({ id, functionName, event, attempts, acceptedAtMs, schedule }: AsyncEvent): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO async_events VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, functionName, event, attempts, acceptedAtMs, schedule ?? null);
  }

  hasOf(schedule: string): boolean {
    return (
      this.#database.prepare('SELECT 1 FROM async_events WHERE schedule = ? LIMIT 1').get(schedule) !==
      undefined
    );
  }

  remove(id: string): void {
    this.#database.prepare('DELETE FROM async_events WHERE id = ?').run(id);
  }

  all(): AsyncEvent[] {
    const rows = this.#database.prepare('SELECT * FROM async_events ORDER BY accepted_at_ms').all();
    return (rows as unknown as Row[]).map((row) => ({
      id: row.id,
      functionName: row.function_name,
      event: row.event,
      attempts: row.attempts,
      acceptedAtMs: row.accepted_at_ms,
      ...(row.schedule === null ? {} : { schedule: row.schedule }),
    }));
  }
}
