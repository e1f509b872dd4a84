import type { AlertView } from '../core/api.ts';
import { asHoldfastError, HoldfastError } from '../core/errors.ts';
import { textTable } from '../core/text-table.ts';
import type { AdminApi } from './admin-api.ts';
import type { CaseStore } from './case-book.ts';
import { caseKey, decide } from './decide.ts';
import { asksForName, commandFor, playFor, type PlannedCommand } from './playbook.ts';
import type { Playbook } from './playbook-schema.ts';
import { unmetOf } from './preconditions.ts';
import { factsOf } from './read-facts.ts';

/** What the admin process would do about an alert now. */
export interface Intention {
  alertKey: string;
  gatewayId: string;
  conditionId: string;
  component: string;
  would: 'send' | 'follow' | 'wait' | 'escalate' | 'nothing';
  command?: PlannedCommand;
  reason?: string;
}
interface DryRunDeps {
  api: AdminApi;
  book: Pick<CaseStore, 'get' | 'lastTryAt'>;
  playbook: Playbook;
  now: () => number;
}

/** Looks at every open alert as the process would, and at what its book says; nothing is sent or written. */
export async function intentionsOf(deps: DryRunDeps): Promise<Intention[]> {
  const intentions: Intention[] = [];
  for (const alert of await deps.api.listOpenAlerts()) {
    const { alertKey, gatewayId, conditionId, component } = alert;
    intentions.push({ alertKey, gatewayId, conditionId, component, ...(await intentionOf(deps, alert)) });
  }
  return intentions;
}

type Would = Pick<Intention, 'would' | 'command' | 'reason'>;

async function intentionOf({ api, book, playbook, now }: DryRunDeps, alert: AlertView): Promise<Would> {
  const name = asksForName(playbook, alert) ? (await api.getGateway(alert.gatewayId)).name : undefined;
  const play = playFor(playbook, alert, name);
  const known = book.get(caseKey(alert));
  if (known?.phase === 'escalated') return { would: 'nothing', reason: `it gave up: ${known.reason}` };
  const lastTryAt = book.lastTryAt(alert.alertKey, alert.episode);
  const one = known ?? { episode: alert.episode, tries: [] };
  const decided = decide(one, alert, play, now(), lastTryAt);
  if (decided.do === 'follow') return { would: 'follow', command: decided.attempt };
  if (decided.do === 'wait')
    return { would: 'wait', reason: decided.reason ?? 'a later status has to resolve the alert' };
  if (decided.do === 'close' || !play) {
    const reason = decided.do === 'close' ? decided.reason : undefined;
    const gaveUp = decided.do === 'close' && decided.phase === 'escalated';
    return { would: gaveUp ? 'escalate' : 'nothing', reason: playbook.none[alert.conditionId] ?? reason };
  }
  try {
    const command = commandFor(play, alert);
    const reason = unmetOf(play, alert, await factsOf(api, alert.gatewayId), now());
    return reason === undefined ? { would: 'send', command } : { would: 'wait', command, reason };
  } catch (thrown) {
    const { code, message } = asHoldfastError(thrown);
    if (thrown instanceof HoldfastError && code === 'INVALID_INPUT')
      return { would: 'escalate', reason: message };
    throw thrown;
  }
}

/** What would be done, and below it about what, how, and why not more. */
export function intentionTable(intentions: readonly Intention[], width: number): string {
  if (intentions.length === 0) return 'no open alerts: nothing to do';
  return textTable(
    ['ALERT', 'WOULD', 'GATEWAY'],
    intentions.map(({ alertKey, would, gatewayId }) => [alertKey, would, gatewayId || '-']),
    {
      width,
      details: intentions.map(({ conditionId, component, command, reason }) => {
        const how = [command && commandText(command), reason].filter(Boolean).join(' – ');
        return [component ? `${conditionId} ${component}` : conditionId, how].filter(Boolean).join(': ');
      }),
    },
  );
}

const commandText = ({ kind, params }: PlannedCommand): string =>
  [kind, ...Object.entries(params).map(([name, value]) => `${name}=${String(value)}`)].join(' ');
