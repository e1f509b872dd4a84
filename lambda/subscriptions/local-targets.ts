import type { LocalTargets } from '../../core/subscriptions/targets.ts';
import { localServicesOrigin } from './send.ts';

/** `loopback`: the value of LOOPBACK_WEBHOOKS. It means nothing on AWS, where no variable moves the services. */
export function localTargets(loopback: string): LocalTargets {
  const servicesOrigin = localServicesOrigin();
  return servicesOrigin === undefined ? {} : { servicesOrigin, allowsLoopback: loopback === 'allowed' };
}
