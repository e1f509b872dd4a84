import { HoldfastError } from '../core/errors.ts';
import type { Session } from './program.ts';

/** What every command over all tenants does. */
export const below = (path: string): string => path.replace('/operator/v1', '');

export function requireOperator({ context }: Session): void {
  if (context.identity.kind === 'tenant')
    throw new HoldfastError('FORBIDDEN', 'the fleet is for operators', {
      hint: 'leave --token-file and HOLDFAST_TOKEN_FILE away',
    });
}

/** Every page of a list. */
export async function fleetPages<T>(
  session: Session,
  path: string,
  list: string,
  query: Record<string, string> = {},
): Promise<T[]> {
  requireOperator(session);
  const { api } = session;
  const all: T[] = [];
  let next: string | undefined;
  do {
    const page: Record<string, unknown> = await api.operator(path, { ...query, next });
    all.push(...(page[list] as T[]));
    next = page['next'] as string | undefined;
  } while (next);
  return all;
}
