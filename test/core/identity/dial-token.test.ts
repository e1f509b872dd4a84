import { dialClaims, dialProblem, nextDialSeq } from '../../../core/identity/dial-token.ts';

const now = Date.UTC(2026, 0, 1);
const claims = dialClaims({
  gatewayId: 'gw-1',
  cellId: 'cell-1',
  dialSeq: now,
  keyGeneration: 1,
  tokenId: 'token-1',
  nowMs: now,
});
const problem = (changed: object, nowMs = now) =>
  dialProblem({ ...claims, ...changed }, { cellId: 'cell-1', nowMs });

describe('dial token claims', () => {
  it('pass as the agent makes them, with a clock up to 5 minutes off', () => {
    expect(problem({})).toBeUndefined();
    expect(problem({}, now + 299_000)).toBeUndefined();
    expect(problem({}, now - 299_000)).toBeUndefined();
  });

  it.each([
    ['of another cell', { aud: 'cell-2' }, 'audience'],
    ['that live longer than a minute', { exp: claims.iat + 61 }, 'lifetime'],
    ['that end before they begin', { exp: claims.iat }, 'lifetime'],
    ['from more than 5 minutes ago', { iat: claims.iat - 301, exp: claims.iat - 241 }, 'clock'],
    ['from more than 5 minutes ahead', { iat: claims.iat + 301, exp: claims.iat + 361 }, 'clock'],
    ['whose dialSeq runs ahead of time', { seq: now + 3_600_000 }, 'seq'],
    ['without a dialSeq', { seq: undefined }, 'claims'],
    ['with a key generation that is no number', { gen: '1' }, 'claims'],
  ])('refuse those %s', (_, changed, expected) => {
    expect(problem(changed)).toBe(expected);
  });

  it('take the next dialSeq from the clock, or after the last welcomed one when the clock went back', () => {
    expect(nextDialSeq(5, 100)).toBe(100);
    expect(nextDialSeq(100, 50)).toBe(101);
  });
});
