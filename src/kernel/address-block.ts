// Addresses as texts, and the block whose requests count together: whoever has one IPv6 address has at least a /64 of them.

/** For what is no address. */
const OTHER = 'other'
const MAX_IPV4 = 15

/** The address itself where it is IPv4, also mapped into IPv6 (RFC 4291 section 2.5.5.2); the /64 of an IPv6 address. */
export function addressBlock(address: string): string {
  // attacker-controlled: no address is longer than 45 characters, but a zone id has no bound.
  const bare = address.slice(0, 64).split('%', 1)[0] ?? ''
  if (!bare.includes(':')) return bare.length <= MAX_IPV4 ? bare : OTHER
  const groups = ipv6(bare)
  if (groups === undefined) return OTHER
  return (
    mappedOf(groups)?.join('.') ??
    `${groups
      .slice(0, 4)
      .map(group => group.toString(16))
      .join(':')}::/64`
  )
}

/** The four bytes of an IPv4 address that stands in an IPv6 one. */
export function mappedOf(groups: readonly number[]): readonly number[] | undefined {
  const [sixth = 0, high = 0, low = 0] = groups.slice(5)
  return sixth === 0xffff && groups.slice(0, 5).every(group => group === 0) ? [high >> 8, high & 0xff, low >> 8, low & 0xff] : undefined
}

/** Four bytes; undefined for what is none. */
export function ipv4(text: string): readonly number[] | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined
  const bytes = text.split('.').map(Number)
  return bytes.every(byte => byte <= 255) ? bytes : undefined
}

/** Eight groups; undefined for what is none. */
export function ipv6(text: string): readonly number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [before, after] = halves.map((half, i) => groupsOf(half, i === halves.length - 1))
  if (before === undefined) return undefined
  if (halves.length === 1) return before.length === 8 ? before : undefined
  if (after === undefined || before.length + after.length > 7) return undefined
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

// Groups between colons; the last of an address may be an IPv4 address, which is two groups.
function groupsOf(half: string, isLast: boolean): number[] | undefined {
  if (half === '') return []
  const groups: number[] = []
  const texts = half.split(':')
  for (const [i, text] of texts.entries()) {
    const bytes = isLast && i === texts.length - 1 ? ipv4(text) : undefined
    if (bytes) groups.push(((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0), ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0))
    else if (/^[0-9a-f]{1,4}$/i.test(text)) groups.push(Number.parseInt(text, 16))
    else return undefined
  }
  return groups
}
