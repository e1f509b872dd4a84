/**
 * Everything in which Holdfast's alerts are others than those that Prometheus and Alertmanager make of the same facts.
 * Each is a rule that a model can be told to follow: with none of them it does what Prometheus does, with all of them
 * what Holdfast does (rule-model.ts, notice-model.ts). docs/alerts-and-prometheus.md says why each is wanted.
 */
export interface Difference {
  id: string;
  prometheus: string;
  holdfast: string;
}

/** When an alert fires and for how long. In this order they are added to the model. */
export const ruleDifferences = [
  {
    id: 'two-thresholds',
    prometheus: 'one threshold: below it the alert ends, or `keep_firing_for` begins',
    holdfast: 'raised at one threshold, clear at another; in between it stays as it was, pending or firing',
  },
  {
    id: 'only-numbers',
    prometheus: 'NaN is below every threshold, Inf above',
    holdfast: 'what is no finite number is no reading',
  },
  {
    id: 'beats',
    prometheus: 'a sample counts for 5 min, or until a scrape fails',
    holdfast: 'a report counts for 2.5 beats, 12.5 min',
  },
  {
    id: 'frozen',
    prometheus: 'without a sample the alert ends as if it were well',
    holdfast:
      'without a reading it is UNKNOWN, and goes on from where it was; the time in between does not count',
  },
  {
    id: 'removed',
    prometheus: '–',
    holdfast: 'a volume that a day of reports lacks is gone: its alert resolves, and says so',
  },
  {
    id: 'given-up',
    prometheus: '–',
    holdfast: 'after two weeks without a reading the alert resolves, and says so',
  },
  {
    id: 'revoked',
    prometheus: 'the alert of a target that was taken out fires on for `keep_firing_for`',
    holdfast: 'a revoked gateway’s alerts end with the next look',
  },
  {
    id: 'flap-hold',
    prometheus: 'each resolve is told',
    holdfast: 'after two resolves within an hour the third waits until the hour has passed',
  },
  {
    id: 'episodes',
    prometheus: 'each firing is a new one',
    holdfast:
      'a firing within 30 min of the resolve goes on with its episode, and is acknowledged if that was',
  },
] as const satisfies readonly Difference[];
export type RuleDifference = (typeof ruleDifferences)[number]['id'];

/** Who is told of what fires. In this order they are added to the model. */
export const noticeDifferences = [
  {
    id: 'away',
    prometheus: 'an alert that nobody repeats is resolved when its time is over, and that is told',
    holdfast: 'while nobody looks, nothing changes and nothing is told',
  },
  {
    id: 'only-news',
    prometheus: 'with any news of a group all that fires in it is told again',
    holdfast: 'each firing is told once (reminders apart)',
  },
  {
    id: 'one-by-one',
    prometheus: 'one message for each group and flush',
    holdfast: 'a message for each alert; one digest where more than 50 of a customer change in one look',
  },
  {
    id: 'told-stays-told',
    prometheus: 'a firing that was told is inhibited once its cause fires, and its resolve is never told',
    holdfast: 'a firing that was told is not inhibited any more, and has its resolve at once',
  },
  {
    id: 'untold-ends',
    prometheus: 'an inhibited alert that ends together with its cause is told as resolved',
    holdfast: 'what nobody was told of ends without a message',
  },
  {
    id: 'pending-incidents',
    prometheus: 'only what fires inhibits',
    holdfast: 'an incident inhibits its gateways’ alerts from when it is pending',
  },
  {
    id: 'suspected',
    prometheus: '–',
    holdfast: 'an alert whose cause may be a pattern in the next look waits for it',
  },
  {
    id: 'unknown-waits',
    prometheus: '–',
    holdfast:
      'an inhibited alert of which nothing is known stays so when its cause ends, and is told once it is known',
  },
] as const satisfies readonly Difference[];
export type NoticeDifference = (typeof noticeDifferences)[number]['id'];
