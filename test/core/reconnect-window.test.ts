import { isWindowTooSmall, reconnectWindowMsOf } from '../../core/reconnect-window.ts';

it('a fleet spreads its dials over half a minute, or as long as 250 a second take', () => {
  expect([1, 7_500, 7_501, 10_000, 150_000].map(reconnectWindowMsOf)).toEqual([
    30_000, 30_000, 31_000, 40_000, 600_000,
  ]);
});

it('a window is too small once more than 250 gateways a second would dial in it', () => {
  expect(isWindowTooSmall(7_500, 30_000)).toBe(false);
  expect(isWindowTooSmall(7_501, 30_000)).toBe(true);
  expect(isWindowTooSmall(2, 0)).toBe(false);
});
