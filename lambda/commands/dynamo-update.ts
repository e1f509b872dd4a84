import type { Condition, GuardedUpdate } from '../../core/routes/guarded-update.ts';

/** A guarded update in DynamoDB's words. */
export interface UpdateWords {
  /** UpdateExpression; '' where there is only a condition. */
  change: string;
  condition: string;
  names: Record<string, string>;
  values: Record<string, unknown> | undefined;
}

/** Paths become `#n0.#n1`, values `:v0`: attribute names may be DynamoDB's keywords, and map keys are data. */
export function updateWords(update: GuardedUpdate): UpdateWords {
  const words = new Words();
  const sets = Object.entries(update.set ?? {}).map(
    ([path, value]) => `${words.path(path)} = ${words.value(value)}`,
  );
  const removes = (update.remove ?? []).map((path) => words.path(path));
  const adds = Object.entries(update.add ?? {}).map(([path, by]) => `${words.path(path)} ${words.value(by)}`);
  const clauses: [string, string[]][] = [
    ['SET', sets],
    ['REMOVE', removes],
    ['ADD', adds],
  ];
  const change = clauses
    .filter(([, parts]) => parts.length > 0)
    .map(([verb, parts]) => `${verb} ${parts.join(', ')}`)
    .join(' ');
  return words.done(change, words.condition(update.when));
}

export function conditionWords(when: Condition): Omit<UpdateWords, 'change'> {
  const words = new Words();
  return words.done('', words.condition(when));
}

class Words {
  readonly #names = new Map<string, string>();
  readonly #values: unknown[] = [];

  path(dotted: string): string {
    return dotted
      .split('.')
      .map((name) => {
        if (!this.#names.has(name)) this.#names.set(name, `#n${this.#names.size}`);
        return this.#names.get(name)!;
      })
      .join('.');
  }

  value(value: unknown): string {
    return `:v${this.#values.push(value) - 1}`;
  }

  condition(when: Condition): string {
    switch (when.is) {
      case 'all':
        return `(${when.of.map((each) => this.condition(each)).join(' AND ')})`;
      case 'any':
        return `(${when.of.map((each) => this.condition(each)).join(' OR ')})`;
      case 'present':
        return `attribute_exists(${this.path(when.path)})`;
      case 'absent':
        return `attribute_not_exists(${this.path(when.path)})`;
      case 'equal':
        return `${this.path(when.path)} = ${this.value(when.value)}`;
      case 'less':
        return `${this.path(when.path)} < ${this.value(when.value)}`;
      case 'fewer':
        return `size(${this.path(when.path)}) < ${this.value(when.count)}`;
    }
  }

  done(change: string, condition: string): UpdateWords {
    return {
      change,
      condition,
      names: Object.fromEntries([...this.#names].map(([name, alias]) => [alias, name])),
      values:
        this.#values.length > 0 ? Object.fromEntries(this.#values.map((v, i) => [`:v${i}`, v])) : undefined,
    };
  }
}
