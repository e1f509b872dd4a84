import { Alertmanager, type AlertGroup, type PostedAlert } from './alertmanager.ts';
import { messageText, type Labelled, type Look, type News, type Notices, type Scene } from './scenes.ts';

const slower = 2;
const triesMax = 4;
/** Once posted, alerts are everywhere in Alertmanager within this. */
const settledWithinMs = 100;

/**
 * What the real Alertmanager makes of the scenes, look by look, all of them side by side. Each look is posted at once and
 * must be flushed at once; where a slow machine let a flush come in the middle, nothing can be said, and all is done
 * again with more time between flushes.
 */
export async function noticesOf(scenes: readonly Scene[], intervalMs = 400): Promise<Notices[][]> {
  for (let attempt = 0; attempt < triesMax; attempt++) {
    const run = new Run(await Alertmanager.start(intervalMs * slower ** attempt), scenes);
    try {
      const notices = await run.notices();
      if (notices) return notices;
    } finally {
      await run.stop();
    }
  }
  throw new Error('Alertmanager flushed while alerts were being posted, however long its group_interval');
}

const groupText = ({ scene, tenant }: PostedAlert['labels']): string => `${scene} / ${tenant}`;

class Run {
  readonly #manager: Alertmanager;
  readonly #scenes: readonly Scene[];
  /** Of each scene, its customers. */
  readonly #tenants: Map<Scene, string[]>;
  readonly #posts: { from: number; to: number }[] = [];
  #fences = 0;
  #seen = 0;

  constructor(manager: Alertmanager, scenes: readonly Scene[]) {
    this.#manager = manager;
    this.#scenes = scenes;
    this.#tenants = new Map(
      scenes.map((scene) => [
        scene,
        [...new Set(scene.looks.flatMap(({ up }) => up.map(({ labels }) => labels['tenant'] ?? '')))],
      ]),
    );
  }

  stop(): Promise<void> {
    return this.#manager.stop();
  }

  /** Undefined where a flush came in the middle of a look. */
  async notices(): Promise<Notices[][] | undefined> {
    const all = this.#scenes.map((): Notices[] => []);
    const length = Math.max(...this.#scenes.map(({ looks }) => looks.length));
    for (let i = 0; i < length; i++) {
      const expired = await this.#expired(i);
      await this.#flush(this.#scenes.flatMap((scene) => changesOf(scene, i)));
      const messages = this.#newMessages();
      const groups = await this.#manager.groups();
      for (const [s, scene] of this.#scenes.entries()) {
        const told = scene.looks[i]?.isAway ? expired : messages;
        if (scene.looks[i])
          all[s]!.push({ inhibitedBy: inhibitedBy(scene, groups), messages: told.get(scene.name) ?? [] });
      }
      if (this.#isTorn()) return undefined;
    }
    return all;
  }

  #isTorn(): boolean {
    const { flushedAt } = this.#manager;
    return this.#posts.some(({ from, to }) => flushedAt.some((at) => at >= from && at <= to));
  }

  /** Posts, and waits for the flush of every group: each has an alert of its own that tells of it. */
  async #flush(alerts: readonly PostedAlert[]): Promise<void> {
    const fence = String((this.#fences += 1));
    const groups = [...this.#tenants].flatMap(([{ name }, tenants]) =>
      tenants.map((tenant) => ({ scene: name, tenant })),
    );
    const from = Date.now();
    const startsAt = new Date(from).toISOString();
    const fences = groups.map((labels) => ({ labels: { ...labels, alertname: 'Fence', fence }, startsAt }));
    await this.#manager.post([...alerts, ...fences]);
    this.#posts.push({ from, to: Date.now() + settledWithinMs });
    const passed = new Set<string>();
    let at = this.#seen;
    await this.#manager.until(`fence ${fence}`, () => {
      for (const { groupLabels, alerts: told } of this.#manager.notifications.slice(at))
        if (told.some(({ labels }) => labels['fence'] === fence)) passed.add(groupText(groupLabels));
      at = this.#manager.notifications.length;
      return passed.size >= groups.length;
    });
  }

  /** What is told since the last time, by scene; of one group all in one, as one flush would tell it. */
  #newMessages(): Map<string, string[]> {
    const { notifications } = this.#manager;
    const news = new Map<string, { scene: string; told: Record<string, News[string]> }>();
    for (const { groupLabels, alerts } of notifications.slice(this.#seen)) {
      const group = groupText(groupLabels);
      const told = { ...news.get(group)?.told };
      for (const { status, labels } of alerts) if (labels['key']) told[labels['key']] = status;
      news.set(group, { scene: groupLabels['scene'] ?? '', told });
    }
    this.#seen = notifications.length;
    const messages = new Map<string, string[]>();
    for (const { scene, told } of news.values())
      if (Object.keys(told).length > 0)
        messages.set(scene, [...(messages.get(scene) ?? []), messageText(told)].sort());
    return messages;
  }

  /**
   * Where nobody repeats what fires, it has an end of its own: the last word of whoever looked said when. Answers with what
   * is told of it.
   */
  async #expired(i: number): Promise<Map<string, string[]>> {
    const expiring = this.#scenes.flatMap((scene) =>
      scene.looks[i]?.isAway ? (scene.looks[i - 1]?.up ?? []).map((alert) => ({ scene, alert })) : [],
    );
    if (expiring.length === 0) return new Map();
    const endsAt = new Date(Date.now() + 50).toISOString();
    await this.#manager.post(expiring.map(({ scene, alert }) => ({ ...posted(scene, alert), endsAt })));
    await this.#manager.until('what nobody repeats to be over', async () => {
      const listed = (await this.#manager.groups()).flatMap(({ alerts }) => alerts);
      return !expiring.some(({ scene, alert }) =>
        listed.some(({ labels }) => labels['scene'] === scene.name && labels['key'] === alert.id),
      );
    });
    // The next flush of every group is a whole interval away again.
    await this.#flush([]);
    return this.#newMessages();
  }
}

/** As if it began now, or a group would be flushed at once; of what fires already Alertmanager keeps the earlier time. */
const posted = (scene: Scene, { labels }: Labelled): PostedAlert => ({
  labels: { ...labels, scene: scene.name },
  startsAt: new Date().toISOString(),
});

/** Everything that fires, as Prometheus repeats it; and once the end of what does not fire any more. */
function changesOf(scene: Scene, i: number): PostedAlert[] {
  const look: Look | undefined = scene.looks[i];
  if (!look || look.isAway) return [];
  const before = scene.looks[i - 1]?.up ?? [];
  const over = before.filter(({ id }) => !look.up.some((each) => each.id === id));
  const endsAt = new Date().toISOString();
  return [
    ...look.up.map((alert) => posted(scene, alert)),
    ...over.map((alert) => ({ ...posted(scene, alert), startsAt: endsAt, endsAt })),
  ];
}

function inhibitedBy(scene: Scene, groups: readonly AlertGroup[]): Record<string, string> {
  const alerts = groups.flatMap(({ alerts: all, labels }) => (labels['scene'] === scene.name ? all : []));
  const idOf = new Map(alerts.map(({ fingerprint, labels }) => [fingerprint, labels['key'] ?? '']));
  return Object.fromEntries(
    alerts.flatMap(({ labels, status }) => {
      const key = labels['key'];
      return key === undefined ? [] : [[key, status.inhibitedBy.map((by) => idOf.get(by) ?? by).join(' ')]];
    }),
  );
}
