import { z } from 'zod';
import { tenantRoles, type Principal } from '../../core/model.ts';

/** The authorizer part of an HTTP API event: from our authorizer, from IAM or from a JWT authorizer. */
const authorizerSchema = z.object({
  lambda: z
    .object({ tenantId: z.string().min(1), role: z.enum(tenantRoles), tokenId: z.string().min(1) })
    .optional(),
  iam: z.object({ userArn: z.string().min(1) }).optional(),
  jwt: z.object({ claims: z.object({ sub: z.string().min(1) }) }).optional(),
});

/** Who asks, as API Gateway verified it; undefined where nobody was verified. */
export function principalOf(authorizer: unknown): Principal | undefined {
  const parsed = authorizerSchema.safeParse(authorizer ?? {});
  if (!parsed.success) return undefined;
  const { lambda, iam, jwt } = parsed.data;
  if (lambda) return { kind: 'tenant', id: lambda.tokenId, tenantId: lambda.tenantId, role: lambda.role };
  if (iam) return { kind: 'operator', id: iam.userArn };
  if (jwt) return { kind: 'operator', id: jwt.claims.sub };
  return undefined;
}
