import type { Answers } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import { gatewayView } from '../../core/identity/gateway-view.ts';
import {
  drawnFrom,
  gatewayNow,
  historySpanNames,
  rollupsNeeded,
  type HistorySpan,
} from '../../core/rollups/history-view.ts';
import { rollupKeyOf, rollupOfItem } from '../../core/rollups/rollup-item.ts';
import { rollupStart, type Rollup } from '../../core/rollups/rollup.ts';
import { didYouMean } from '../../core/nearest-names.ts';
import { historySignalNames } from '../../core/rollups/signals.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { rollupsTable } from '../aws/tables.ts';
import { noSuchGateway, viewedAt, type ShowDeps } from './show-gateways.ts';

export interface HistoryDeps extends Pick<ShowDeps, 'gateways' | 'status' | 'heartbeatIntervalMs' | 'now'> {
  readonly rollups: ReturnType<typeof rollupsTable>;
}

/** `?span=` and `?signal=`; of a gateway that is down, too. */
export async function getHistory(
  deps: HistoryDeps,
  { tenantId, params, query }: Pick<ApiRequest<'getHistory'>, 'tenantId' | 'params' | 'query'>,
): Promise<Answers['getHistory']> {
  const { gatewayId = '' } = params;
  const span = spanOf(query['span']);
  const names = signalsOf(query['signal']);
  const [gateway, status] = await Promise.all([
    deps.gateways.get({ gatewayId }),
    deps.status.get({ gatewayId }),
  ]);
  if (gateway?.tenantId !== tenantId) throw noSuchGateway(gatewayId);
  const { connection, lastSeenAt, clockSkewMs } = gatewayView(gateway, status, viewedAt(deps));
  const now = gatewayNow(deps.now(), clockSkewMs);
  const rollups = await storedRollups(deps, gatewayId, span, now);
  const drawn = drawnFrom(span, now, { rollups, last: status?.heartbeat }, names);
  const seen = { connection: connection.state, lastSeenAt, clockSkewMs };
  return { history: { gatewayId, span, ...drawn, ...seen } };
}

async function storedRollups(
  { rollups }: HistoryDeps,
  gatewayId: string,
  span: HistorySpan,
  now: number,
): Promise<Rollup[]> {
  const parts = rollupsNeeded(span, now).map(async ({ kind, from, to }) => {
    const found: Rollup[] = [];
    const items = rollups.query({
      key: '#gatewayId = :gatewayId AND #rollupKey BETWEEN :first AND :last',
      values: {
        ':gatewayId': gatewayId,
        ':first': rollupKeyOf(kind, rollupStart(kind, from)),
        ':last': rollupKeyOf(kind, to),
      },
    });
    for await (const item of items) found.push(rollupOfItem(item));
    return found;
  });
  return (await Promise.all(parts)).flat();
}

function spanOf(text = 'hour'): HistorySpan {
  const span = historySpanNames.find((name) => name === text);
  if (span) return span;
  throw new HoldfastError('INVALID_INPUT', `span "${text}" is none of ${historySpanNames.join(', ')}`);
}

/** Undefined: nobody asked for some of them. */
function signalsOf(text: string | undefined): string[] | undefined {
  const names = text?.split(',').map((name) => name.trim());
  const unknown = names?.find((name) => !historySignalNames.includes(name));
  if (unknown === undefined) return names;
  throw new HoldfastError('INVALID_INPUT', `no history is kept of a signal "${unknown}"`, {
    hint: didYouMean(unknown, historySignalNames, `the signals are ${historySignalNames.join(', ')}`),
  });
}
