import type { Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { labelNames, labelsSchema, type GatewayLabels } from '../core/identity/labels.ts';
import { plainIssues } from '../core/plain-issues.ts';
import { printableLine } from '../core/printable.ts';
import { requireEachOnce } from './named-values.ts';
import { apiCommand, type CliDeps } from './program.ts';

/** Below `holdfast gateways`. Nobody erases what they only wanted to see: without labels it shows them. */
export function addLabelCommand(gateways: Command, deps: CliDeps): void {
  const command = apiCommand(
    gateways,
    'label <gateway> [labels...]',
    `show or set where a gateway is (${labelNames.join(', ')}); of those set before, what is left away is removed`,
    deps,
    [
      'gateways label gw-7x2k    # shows them',
      'gateways label gw-7x2k "site=Oslo 1" region=north',
      'gateways label gw-7x2k --none',
    ],
  );
  command.option('--none', 'remove all labels').run(async ({ api, show }, gatewayId = '', given = '') => {
    const { none: isNone = false } = command.opts<{ none?: boolean }>();
    const labels = parseLabels(given);
    const isGiven = Object.keys(labels).length > 0;
    if (isNone && isGiven)
      throw new HoldfastError('USAGE', 'labels are given beside --none', {
        hint: 'give labels, which are all that it has then, or --none alone',
      });
    const params = { gatewayId };
    const known = await api.call('getGateway', { params });
    const answer = isGiven || isNone ? await api.call('labelGateway', { params, body: labels }) : known;
    const removed = left(known.gateway.labels, answer.gateway.labels);
    show({ ...answer, ...(removed ? { removed } : {}) }, () =>
      [
        `${gatewayId}: ${labelText(answer.gateway.labels) ?? 'no labels'}`,
        ...(removed ? [`removed: ${labelText(removed)}`] : []),
      ]
        .map(printableLine)
        .join('\n'),
    );
  });
}

/** `site Oslo 1, region north`; undefined where there are none. */
export const labelText = (labels: GatewayLabels = {}): string | undefined =>
  Object.entries(labels)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ') || undefined;

/** Which of the names are not there any more, with what they were; undefined: none. */
function left(before: GatewayLabels = {}, after: GatewayLabels = {}): GatewayLabels | undefined {
  const gone = Object.entries(before).filter(([name]) => !(name in after));
  return gone.length > 0 ? Object.fromEntries(gone) : undefined;
}

/** Commander hands a list over as one text, with commas between. Throws USAGE. */
function parseLabels(text: string): GatewayLabels {
  const words = text === '' ? [] : text.split(/,(?=\w+=)/);
  const labels = words.map((word): [string, string] => {
    const at = word.indexOf('=');
    if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
    throw new HoldfastError('USAGE', `"${word}" is no label`, { hint: 'write name=value' });
  });
  const names = labels.map(([name]) => name);
  requireEachOnce('label', names, 'give each label once');
  const parsed = labelsSchema.safeParse(Object.fromEntries(labels));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('USAGE', plainIssues(parsed.error, Object.fromEntries(labels), 'the labels'), {
    hint: `the names are ${labelNames.join(', ')}`,
  });
}
