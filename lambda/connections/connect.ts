import { webSocketHandler } from '../aws/websocket-handler.ts';

export const env = [] as const;

/** `$connect`: the authorizer has decided. Nothing is routable yet, and nothing can be posted before `hello`. */
export const handler = webSocketHandler({ env, deps: () => undefined, handle: () => Promise.resolve() });
