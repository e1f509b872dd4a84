import { fillPath } from '../../core/api-routes.ts';

test('values in a path are encoded as whoever checks its signature encodes them', () => {
  expect(fillPath('/tenants/{tenantId}/x/{name}', { tenantId: '*', name: "a/b c!'()" })).toBe(
    '/tenants/%2A/x/a%2Fb%20c%21%27%28%29',
  );
});
