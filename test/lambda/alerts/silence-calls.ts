import { requests } from '../../../core/api.ts';
import {
  createSilence,
  endSilence,
  listSilences,
  type SilenceDeps,
} from '../../../lambda/alerts/silences.ts';
import type { ApiRequest } from '../../../lambda/aws/http-handler.ts';

/** What a tenant's administrator asks of silences, of `acme` unless another is named. */
export function silenceCalls(deps: () => SilenceDeps) {
  /** One shape serves every route here. */
  const request = (tenantId: string, over: { body?: object; query?: object; silenceId?: string }) => {
    const principal = { kind: 'tenant', id: 'tok-1', tenantId, role: 'tenant-admin' } as const;
    const params = { silenceId: over.silenceId ?? '' };
    return {
      principal,
      tenantId,
      params,
      query: over.query ?? {},
      body: over.body,
    } as never as ApiRequest<'createSilence'>;
  };
  return {
    create: (body: object, tenantId = 'acme') =>
      createSilence(deps(), request(tenantId, { body: requests.createSilence.parse(body) })),
    list: async (state?: string, tenantId = 'acme') => {
      const asked = request(tenantId, { query: state ? { state } : {} });
      return (await listSilences(deps(), asked as never)).silences.map(({ silenceId }) => silenceId);
    },
    end: (silenceId: string, tenantId = 'acme') =>
      endSilence(deps(), request(tenantId, { silenceId }) as never),
  };
}
