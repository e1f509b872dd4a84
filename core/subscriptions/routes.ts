import type { ApiRoute } from '../api-routes.ts';

const subscription = '/subscriptions/{subscriptionId}';
const route = (method: ApiRoute['method'], path: string, role: ApiRoute['role'] = 'tenant-admin') =>
  ({ method, path, function: 'subscriptions', role }) satisfies ApiRoute;

/** The part of the HTTP API that is about where alerts go. */
export const subscriptionRoutes = {
  listSubscriptions: route('GET', '/subscriptions', 'tenant-read'),
  putSubscription: route('PUT', subscription),
  confirmSubscription: route('POST', `${subscription}/confirm`),
  deleteSubscription: route('DELETE', subscription),
  testSubscription: route('POST', `${subscription}/test`),
  /** Of a webhook. */
  rotateSecret: route('POST', `${subscription}/secret`),
  /** What was given up; `?next=`. */
  listDeadLetters: route('GET', `${subscription}/dead-letters`, 'tenant-read'),
  redeliver: route('POST', `${subscription}/dead-letters/redeliver`),
} as const;
