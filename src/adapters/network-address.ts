// Which network an address belongs to: what outbound requests may reach depends on it (RFC 9728 section 7.7, N054).

import { BlockList, isIP } from 'node:net'

export type AddressKind = 'public' | 'private' | 'loopback' | 'forbidden'

type Subnet = readonly [address: string, prefix: number]
const list = (v4: readonly Subnet[], v6: readonly Subnet[]): BlockList => {
  const subnets = new BlockList()
  for (const [address, prefix] of v4) subnets.addSubnet(address, prefix, 'ipv4')
  for (const [address, prefix] of v6) subnets.addSubnet(address, prefix, 'ipv6')
  return subnets
}
const LOOPBACK = list([['127.0.0.0', 8]], [['::1', 128]])
// RFC 1918, RFC 6598, RFC 4193, without the clouds' metadata services that live inside them
const PRIVATE = list(
  [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['100.64.0.0', 10],
  ],
  [['fc00::', 7]],
)
const METADATA = list([['100.100.100.200', 32]], [['fd00:ec2::', 32]])
// IANA special-purpose registries, multicast and reserved space
const SPECIAL_V4 = list(
  [
    ['0.0.0.0', 8],
    ['169.254.0.0', 16],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
  ],
  [],
)
// Of IPv6 only global unicast is public, less what carries an IPv4 address inside (6to4, Teredo) or is documentation. Mapped (::ffff:0:0/96) and NAT64
// (64:ff9b::/96, 64:ff9b:1::/48) addresses lie outside it.
const GLOBAL_V6 = list([], [['2000::', 3]])
const SPECIAL_V6 = list(
  [],
  [
    ['2001::', 23],
    ['2001:db8::', 32],
    ['2002::', 16],
    ['2620:4f:8000::', 48],
    ['3fff::', 20],
  ],
)

/** What kind of network an address literal belongs to; anything unusual is `forbidden`. */
export function addressKind(address: string): AddressKind {
  const version = isIP(address)
  // A mapped address is forbidden even where its IPv4 form would not be: no resolver has a reason to answer with one.
  if (version === 0 || address.includes('%') || /^::ffff:/i.test(address)) return 'forbidden'
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (METADATA.check(address, family)) return 'forbidden'
  if (LOOPBACK.check(address, family)) return 'loopback'
  if (PRIVATE.check(address, family)) return 'private'
  if (version === 4) return SPECIAL_V4.check(address, family) ? 'forbidden' : 'public'
  return GLOBAL_V6.check(address, family) && !SPECIAL_V6.check(address, family) ? 'public' : 'forbidden'
}

/** Networks in CIDR notation as one set to ask. Throws for what is no network: the configuration has been checked before. */
export function networkSet(cidrs: readonly string[]): (address: string) => boolean {
  const subnets = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', bits = ''] = cidr.split('/')
    subnets.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6')
  }
  return address => subnets.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}
