import { searchOrders } from './orders.ts';

const calm = { sets: 0, statuses: 0, restarts: 0, losses: 0, repeats: 0, crashes: 0, setBefore: 0 };

describe('a gateway’s configuration never goes back and comes to what is desired, in every order of steps', () => {
  it.each([
    ['two changes at once, of which the agent refuses one', { sets: 2 }, 500],
    ['two changes at once after an earlier one', { setBefore: 1, sets: 2 }, 500],
    ['a change, a loss either way and a status', { sets: 1, losses: 1, statuses: 1 }, 100],
    ['two changes and a frame that is lost', { sets: 2, losses: 1 }, 600],
    ['two changes and a frame that comes twice', { sets: 2, repeats: 1 }, 2_500],
    ['a change, a restart, a loss and a death', { sets: 1, restarts: 1, losses: 1, crashes: 1 }, 300],
    ['a change, a restart, a status and a death', { sets: 1, restarts: 1, statuses: 1, crashes: 1 }, 2_500],
  ])('%s', async (_, budget, least) => {
    const { violations, stateCount } = await searchOrders({ ...calm, ...budget });
    expect(violations).toEqual([]);
    expect(stateCount).toBeGreaterThan(least);
  });
});
