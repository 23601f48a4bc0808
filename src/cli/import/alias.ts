// An alias for a server a host calls by any name.

const MAX = 24

/** Lower case, `[a-z][a-z0-9]*(-[a-z0-9]+)*`, at most 24 characters, not among `taken`. */
export function aliasFor(name: string, taken: ReadonlySet<string>): string {
  const words = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  const base = words === '' ? 'server' : /^[a-z]/.test(words) ? words : `s-${words}`
  for (let count = 1; ; count++) {
    const suffix = count === 1 ? '' : `-${count}`
    const alias = base.slice(0, MAX - suffix.length).replace(/-+$/, '') + suffix
    if (!taken.has(alias)) return alias
  }
}
