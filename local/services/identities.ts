import type { KeyRing } from '../iam/keys.ts';
import type { Principal } from '../iam/policy.ts';
import { readClaim, verifySignature, type Claim, type SignedRequest } from '../iam/signature.ts';
import type { Region } from '../region.ts';
import { ServiceError } from './service.ts';

/** The services' own name for requests that the local mode makes itself (table creation, deliveries between stacks). */
export const rootUser = 'local-root';

/** Turns a signed request into who sent it. */
export class Identities {
  readonly #region: Region;
  readonly #keys: KeyRing;
  readonly #users: ReadonlyMap<string, string>;

  constructor(region: Region, keys: KeyRing) {
    this.#region = region;
    this.#keys = keys;
    const names = [rootUser, ...Object.keys(region.settings.users)];
    this.#users = new Map(names.map((name) => [keys.userKey(name).accessKeyId, name]));
  }

  /** Throws ServiceError: unsigned, unknown key, expired or a signature that does not fit. */
  async authenticate(request: SignedRequest, now: Date): Promise<{ principal: Principal; claim: Claim }> {
    const claim = readClaim(request);
    if (!claim)
      throw new ServiceError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
    const principal = this.#principalOf(claim, now);
    const problem = await verifySignature(
      request,
      claim,
      {
        accessKeyId: claim.accessKeyId,
        secretAccessKey: this.#keys.secretOf(claim.accessKeyId),
        sessionToken: claim.sessionToken,
      },
      now,
    );
    const s3 = claim.service === 's3';
    if (problem === 'expired')
      throw s3
        ? new ServiceError(
            claim.expiresInSeconds === undefined ? 'RequestTimeTooSkewed' : 'AccessDenied',
            'Request has expired',
            403,
          )
        : new ServiceError('InvalidSignatureException', 'Signature expired', 403);
    if (problem === 'mismatch')
      throw new ServiceError(
        s3 ? 'SignatureDoesNotMatch' : 'InvalidSignatureException',
        'The request signature we calculated does not match the signature you provided.',
        403,
      );
    return { principal, claim };
  }

  #principalOf(claim: Claim, now: Date): Principal {
    const { accountId } = this.#region.settings;
    const unknown = () =>
      claim.service === 's3'
        ? new ServiceError(
            'InvalidAccessKeyId',
            'The AWS Access Key Id you provided does not exist in our records.',
            403,
          )
        : new ServiceError(
            'UnrecognizedClientException',
            'The security token included in the request is invalid.',
            403,
          );
    const userName = this.#users.get(claim.accessKeyId);
    if (userName) return this.#userPrincipal(userName, accountId);
    if (!claim.sessionToken) throw unknown();
    const session = this.#keys.readSession(claim.accessKeyId, claim.sessionToken);
    const role = session && this.#region.roles.get(session.roleArn);
    if (!session || !role) throw unknown();
    if (session.expiresAtMs <= now.getTime())
      throw new ServiceError(
        claim.service === 's3' ? 'ExpiredToken' : 'ExpiredTokenException',
        'The security token included in the request is expired',
        claim.service === 's3' ? 400 : 403,
      );
    return {
      arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/${session.sessionName}`,
      identityArn: role.arn,
      accountId,
      userId: `AROA${role.name}:${session.sessionName}`,
      policies: role.policies,
      sessionPolicy: session.policy,
    };
  }

  #userPrincipal(name: string, accountId: string): Principal {
    const arn = `arn:aws:iam::${accountId}:user/${name}`;
    const everything = { Statement: [{ Effect: 'Allow' as const, Action: ['*'], Resource: ['*'] }] };
    const policy = name === rootUser ? everything : this.#region.settings.users[name];
    return { arn, identityArn: arn, accountId, userId: name, policies: policy ? [policy] : [] };
  }
}
