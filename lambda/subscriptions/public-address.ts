import { BlockList, isIPv4, isIPv6 } from 'node:net';

/**
 * What is no place on the internet, by IANA's registries of special-purpose addresses (RFC 6890 and its updates): of
 * IPv4 these are left out, of IPv6 everything is but global unicast without those.
 */
const ipv4 = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local: metadata of instances and functions
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
] as const;
const globalUnicast = ['2000::', 3] as const;
const ipv6 = [
  ['2001::', 23], // protocol assignments, Teredo among them
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: an IPv4 address stands in it
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
  ['5f00::', 16], // segment routing
] as const;

const refused = new BlockList();
for (const [net, prefix] of ipv4) refused.addSubnet(net, prefix, 'ipv4');
const refusedOfIpv6 = new BlockList();
for (const [net, prefix] of ipv6) refusedOfIpv6.addSubnet(net, prefix, 'ipv6');
const allowedOfIpv6 = new BlockList();
allowedOfIpv6.addSubnet(...globalUnicast, 'ipv6');

/**
 * Whether a webhook may be there. IPv4 inside IPv6 (mapped, NAT64, 6to4, Teredo) never is: it stands outside global
 * unicast, or in one of the ranges that are refused.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !refused.check(address, 'ipv4');
  // A zone (`fe80::1%eth0`) belongs to one link.
  if (!isIPv6(address) || address.includes('%')) return false;
  return allowedOfIpv6.check(address, 'ipv6') && !refusedOfIpv6.check(address, 'ipv6');
}
