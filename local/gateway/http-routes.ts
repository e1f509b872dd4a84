import { safeDecode } from '../request-target.ts';
import type { Route } from './api-model.ts';

export interface Match {
  readonly route: Route;
  readonly pathParameters: Record<string, string>;
}

/**
 * HTTP API's order: full match first, then routes with parameters, then greedy `{proxy+}`, then `$default`; of
 * several, the one with the longer literal beginning; a method before ANY.
 */
export function matchRoute(routes: readonly Route[], method: string, path: string): Match | undefined {
  let best: { match: Match; rank: string } | undefined;
  for (const route of routes) {
    const found = rankOf(route, method, path);
    if (found && (!best || found.rank > best.rank)) best = found;
  }
  return best?.match;
}

function rankOf(route: Route, method: string, path: string): { match: Match; rank: string } | undefined {
  if (route.routeKey === '$default') return { match: { route, pathParameters: {} }, rank: '' };
  const [routeMethod = '', pattern = ''] = route.routeKey.split(' ');
  if (routeMethod !== 'ANY' && routeMethod !== method) return undefined;
  const wanted = pattern.split('/');
  const given = path.split('/');
  const pathParameters: Record<string, string> = {};
  let rank = '';
  for (const [index, segment] of wanted.entries()) {
    const [, name, greedy] = /^\{([^}+]+)(\+?)\}$/.exec(segment) ?? [];
    const value = given[index];
    if (value === undefined) return undefined;
    if (name === undefined) {
      if (segment !== value) return undefined;
      rank += '3';
      continue;
    }
    if (value === '') return undefined;
    pathParameters[name] = safeDecode(greedy ? given.slice(index).join('/') : value);
    if (greedy) return { match: { route, pathParameters }, rank: `${rank}1${routeMethod === 'ANY' ? 0 : 1}` };
    rank += '2';
  }
  if (given.length !== wanted.length) return undefined;
  return { match: { route, pathParameters }, rank: `${rank}4${routeMethod === 'ANY' ? 0 : 1}` };
}
