import { isHoldable, isPatternOf, isSiteOf } from './inhibit-rules.ts';
import type { NoticeDifference } from './differences.ts';
import { messageText, type Labelled, type Look, type News, type Notices } from './scenes.ts';

/**
 * What is told of the alerts that fire in each look. Without any difference this is Alertmanager with one group for each
 * customer; each difference changes one thing of it.
 */
export function predicted(looks: readonly Look[], differences: ReadonlySet<NoticeDifference>): Notices[] {
  const model = new NoticeModel((id) => differences.has(id));
  return looks.map((look, i) => model.look(look, looks[i + 1]));
}

/** So many changes of one customer go out one by one. */
const singlesMax = 50;

class NoticeModel {
  readonly #has: (id: NoticeDifference) => boolean;
  #up: readonly Labelled[] = [];
  /** Firings that somebody was told of. */
  readonly #told = new Set<string>();
  /** What inhibited which alert in the look before. */
  #causes: Notices['inhibitedBy'] = {};

  constructor(has: (id: NoticeDifference) => boolean) {
    this.#has = has;
  }

  look(look: Look, next: Look | undefined): Notices {
    const up = look.isAway && !this.#has('away') ? [] : look.up;
    const ended = this.#up.filter(({ id }) => !up.some((each) => each.id === id));
    const before = this.#causes;
    this.#up = up;
    const causeOf = (alert: Labelled): string => {
      if (this.#has('told-stays-told') && this.#told.has(alert.id)) return '';
      const cause = this.#causeOf(alert, { up, pending: look.pending, next });
      const stays = this.#has('unknown-waits') && look.unknown.includes(alert.id);
      return cause === '' && stays ? (before[alert.id] ?? '') : cause;
    };
    const firing = up.filter((each) => causeOf(each) === '');
    const fired = this.#has('only-news') ? firing.filter(({ id }) => !this.#told.has(id)) : firing;
    const over = ended.filter((each) => causeOf(each) === '');
    const resolved = this.#has('untold-ends') ? over.filter(({ id }) => this.#told.has(id)) : over;
    this.#causes = Object.fromEntries(up.map((each) => [each.id, causeOf(each)]));
    for (const { id } of firing) this.#told.add(id);
    for (const { id } of ended) this.#told.delete(id);
    return { inhibitedBy: this.#causes, messages: this.#messages(fired, resolved) };
  }

  /** An incident of the site, then a pattern; in the order of Alertmanager's rules. */
  #causeOf(alert: Labelled, { up, pending, next }: Pick<Look, 'up' | 'pending'> & { next?: Look }): string {
    if (!isHoldable(alert)) return '';
    const cause =
      up.find((each) => isSiteOf(each, alert)) ??
      up.find((each) => isPatternOf(each, alert)) ??
      (this.#has('pending-incidents') ? pending.find((each) => isSiteOf(each, alert)) : undefined);
    if (cause) return cause.id;
    const isSuspect = this.#has('suspected') && next?.up.some((each) => isPatternOf(each, alert));
    return isSuspect ? 'suspected' : '';
  }

  #messages(fired: readonly Labelled[], resolved: readonly Labelled[]): string[] {
    const all = [
      ...fired.map((alert) => ({ alert, type: 'firing' as const })),
      ...resolved.map((alert) => ({ alert, type: 'resolved' as const })),
    ];
    const groups = [...Map.groupBy(all, ({ alert }) => alert.labels['tenant']).values()];
    const isAlone = (group: typeof all) => this.#has('one-by-one') && group.length <= singlesMax;
    return groups
      .flatMap((group) => (isAlone(group) ? group.map((each) => [each]) : [group]))
      .map((group) =>
        messageText(Object.fromEntries(group.map(({ alert, type }) => [alert.id, type])) as News),
      )
      .sort();
  }
}
