import type { DatabaseSync } from 'node:sqlite';
import type { Region } from '../region.ts';
import { resourcesOf } from '../template/plan.ts';
import { jsonBody, sendJson, ServiceError, targetOperation, text, type Service } from './service.ts';

interface Row {
  name: string;
  type: string;
  value: string;
  version: number;
  modified_ms: number;
}

const pageSizeMax = 10;

/** SSM parameters of the region, on disk. Those that templates declare have the template's value after every boot. */
export class Parameters {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync, region: Region, nowMs: number) {
    this.#database = database;
    database.exec(
      'CREATE TABLE IF NOT EXISTS parameters (name TEXT PRIMARY KEY, type TEXT NOT NULL, value TEXT NOT NULL, ' +
        'version INTEGER NOT NULL, modified_ms INTEGER NOT NULL, declared INTEGER NOT NULL) STRICT',
    );
    const declared = region.settings.plans.flatMap((plan) => resourcesOf(plan, 'AWS::SSM::Parameter'));
    const names = new Set(declared.map(({ name }) => name));
    for (const { name } of database
      .prepare('SELECT name FROM parameters WHERE declared = 1')
      .all() as unknown as Row[])
      if (!names.has(name)) database.prepare('DELETE FROM parameters WHERE name = ?').run(name);
    for (const { name, properties } of declared)
      if (this.get(name)?.value !== properties.Value)
        this.put(name, properties.Type, properties.Value, nowMs, true);
  }

  get(name: string): Row | undefined {
    return this.#database.prepare('SELECT * FROM parameters WHERE name = ?').get(name) as unknown as
      Row | undefined;
  }

  put(name: string, type: string, value: string, nowMs: number, declared = false): number {
    const version = (this.get(name)?.version ?? 0) + 1;
    this.#database
      .prepare('INSERT OR REPLACE INTO parameters VALUES (?, ?, ?, ?, ?, ?)')
      .run(name, type, value, version, nowMs, declared ? 1 : 0);
    return version;
  }

  /** At most `limit` parameters below `path`, in order, after the name `after`. */
  byPath(path: string, recursive: boolean, after: string, limit: number): Row[] {
    const prefix = path.endsWith('/') ? path : `${path}/`;
    const rows = this.#database
      .prepare('SELECT * FROM parameters WHERE substr(name, 1, ?) = ? AND name > ? ORDER BY name')
      .all(prefix.length, prefix, after) as unknown as Row[];
    return rows.filter(({ name }) => recursive || !name.slice(prefix.length).includes('/')).slice(0, limit);
  }
}

export function ssmService(region: Region, parameters: Parameters | undefined, now: () => Date): Service {
  const arnOf = (name: string) => region.arn('ssm', `parameter${name.startsWith('/') ? '' : '/'}${name}`);
  const answer = (row: Row) => ({
    Name: row.name,
    Type: row.type,
    Value: row.value,
    Version: row.version,
    LastModifiedDate: row.modified_ms / 1000,
    ARN: arnOf(row.name),
    DataType: 'text',
  });
  const operations: Record<string, (body: Record<string, unknown>, store: Parameters) => object> = {
    GetParameter: (body, store) => {
      const row = store.get(text(body.Name));
      if (!row) throw new ServiceError('ParameterNotFound', `there is no parameter ${text(body.Name)}`);
      return { Parameter: answer(row) };
    },
    GetParameters: (body, store) => {
      const names = (body.Names as unknown[] | undefined)?.map(text) ?? [];
      const rows = names.flatMap((name) => store.get(name) ?? []);
      const found = new Set(rows.map(({ name }) => name));
      return { Parameters: rows.map(answer), InvalidParameters: names.filter((name) => !found.has(name)) };
    },
    GetParametersByPath: (body, store) => {
      const limit = Math.min(Number(body.MaxResults ?? pageSizeMax), pageSizeMax);
      const rows = store.byPath(text(body.Path), body.Recursive === true, text(body.NextToken), limit + 1);
      const page = rows.slice(0, limit);
      return {
        Parameters: page.map(answer),
        ...(rows.length > limit ? { NextToken: page.at(-1)?.name } : {}),
      };
    },
    PutParameter: (body, store) => {
      const name = text(body.Name);
      const existing = store.get(name);
      if (existing && body.Overwrite !== true)
        throw new ServiceError('ParameterAlreadyExists', `${name} exists already`);
      const type = text(body.Type) || existing?.type || 'String';
      return { Version: store.put(name, type, text(body.Value), now().getTime()), Tier: 'Standard' };
    },
  };
  return {
    signingName: 'ssm',
    protocol: 'json',
    parse: (request) => {
      const operation = targetOperation(request);
      const run = operations[operation];
      if (!run) throw new ServiceError('UnknownOperationException', `the local mode has no ssm:${operation}`);
      const body = jsonBody(request);
      const names =
        operation === 'GetParameters'
          ? ((body.Names as unknown[] | undefined) ?? []).map(text)
          : [text(body.Name) || text(body.Path)];
      return {
        owner: region.hostStack,
        questions: names.map((name) => ({
          action: `ssm:${operation}`,
          resource: arnOf(name.replace(/(?<=.)\/$/, '')),
        })),
        serve: (response) => {
          if (!parameters)
            throw new ServiceError('InternalServerError', 'this stack keeps no parameters', 500);
          sendJson(response, run(body, parameters));
        },
      };
    },
  };
}
