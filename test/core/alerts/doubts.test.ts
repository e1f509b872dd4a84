import { standingOf } from '../../../core/alerts/doubts.ts';
import type { KnownGateway } from '../../../core/alerts/roster.ts';
import {
  conditionLimits as limits,
  gatewayItem,
  hours,
  minutes,
  statusItem,
  t0,
} from '../../support/fleet.ts';

const { gatewayId, tenantId, status, createdAt, route, recentHellos } = gatewayItem();
const known: KnownGateway = { gatewayId, tenantId, status, createdAt, route, recentHellos, newestEpoch: 7 };
const lost: KnownGateway = { ...known, route: undefined, routeLostAt: t0 - minutes };
const standing = (gateway: KnownGateway, of: Partial<Parameters<typeof statusItem>[0]> = {}, now = t0) =>
  standingOf(gateway, statusItem(of), { now, limits });

test('a gateway that is heard of is what it was, under a newer connection too', () => {
  expect(standing(known)).toBe('as-known');
  expect(standing(known, { epoch: 8 })).toBe('rolled-over');
  // A frame of the connection before it.
  expect(standing(known, { epoch: 6 })).toBe('as-known');
});

test('one that seems to be silent is doubtful, by its own beat', () => {
  const late = t0 + 7.5 * minutes;
  expect(standing(known, {}, late - 1)).toBe('as-known');
  expect(standing(known, {}, late)).toBe('doubtful');
  expect(standing(known, { epoch: 8 }, late)).toBe('doubtful');
  const slow = statusItem({}, { intervalMs: 8 * minutes });
  expect(standingOf(known, slow, { now: late, limits })).toBe('as-known');
  expect(standingOf(known, undefined, { now: t0, limits })).toBe('doubtful');
});

test('one that is lost is, until it is heard of over a newer connection, or over its own again', () => {
  const before = { receivedAt: t0 - 2 * minutes };
  expect(standing(lost, before, t0 + hours)).toBe('as-known');
  expect(standing(lost, { ...before, epoch: 8 })).toBe('doubtful');
  expect(standing(lost, { receivedAt: t0 }, t0 + hours)).toBe('doubtful');
  expect(standing({ ...lost, routeLostAt: undefined }, { receivedAt: t0 })).toBe('as-known');
});

test('a revoked one stays what it is', () => {
  expect(standing({ ...known, status: 'revoked' }, { epoch: 9 }, t0 + hours)).toBe('as-known');
});
