import type { DatabaseSync } from 'node:sqlite';
import { matchesPattern } from './pattern.ts';

/** To a queue of a customer's. */
type Deliver = (queueArn: string, body: string) => Promise<void>;

/** Event buses that customers make at run time, with rules by pattern and queues as targets; on disk. */
export class CustomerBuses {
  readonly #database: DatabaseSync;
  readonly #deliver: Deliver;

  constructor(database: DatabaseSync, deliver: Deliver) {
    this.#database = database;
    this.#deliver = deliver;
    database.exec(
      'CREATE TABLE IF NOT EXISTS customer_buses (name TEXT PRIMARY KEY) STRICT;' +
        'CREATE TABLE IF NOT EXISTS customer_rules (bus TEXT NOT NULL, name TEXT NOT NULL, pattern TEXT NOT NULL, ' +
        'PRIMARY KEY (bus, name)) STRICT;' +
        'CREATE TABLE IF NOT EXISTS customer_targets (bus TEXT NOT NULL, rule TEXT NOT NULL, id TEXT NOT NULL, ' +
        'arn TEXT NOT NULL, PRIMARY KEY (bus, rule, id)) STRICT',
    );
  }

  has(bus: string): boolean {
    return this.#database.prepare('SELECT 1 FROM customer_buses WHERE name = ?').get(bus) !== undefined;
  }

  create(bus: string): void {
    this.#database.prepare('INSERT INTO customer_buses VALUES (?)').run(bus);
  }

  hasRule(bus: string, rule: string): boolean {
    return this.#rules(bus).some(({ name }) => name === rule);
  }

  putRule(bus: string, rule: string, pattern: string): void {
    this.#database.prepare('INSERT OR REPLACE INTO customer_rules VALUES (?, ?, ?)').run(bus, rule, pattern);
  }

  putTarget(bus: string, rule: string, id: string, queueArn: string): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO customer_targets VALUES (?, ?, ?, ?)')
      .run(bus, rule, id, queueArn);
  }

  /** Hands an event to the targets of every rule that it matches. Rejects for a queue that does not take it. */
  async publish(bus: string, envelope: object): Promise<void> {
    const matching = this.#rules(bus).filter(({ pattern }) => matchesPattern(JSON.parse(pattern), envelope));
    const arns = matching.flatMap(({ name }) => this.#targets(bus, name));
    await Promise.all(arns.map((arn) => this.#deliver(arn, JSON.stringify(envelope))));
  }

  #rules(bus: string): { name: string; pattern: string }[] {
    const found = this.#database.prepare('SELECT name, pattern FROM customer_rules WHERE bus = ?').all(bus);
    return found as { name: string; pattern: string }[];
  }

  #targets(bus: string, rule: string): string[] {
    const found = this.#database
      .prepare('SELECT arn FROM customer_targets WHERE bus = ? AND rule = ?')
      .all(bus, rule);
    return (found as { arn: string }[]).map(({ arn }) => arn);
  }
}
