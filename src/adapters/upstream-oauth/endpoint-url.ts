// Which URLs of an authorization server may be used at all (R112, R121, N045): https, or http on this machine, and nothing that a browser would run.

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/

const isLoopbackHost = (hostname: string): boolean => LOOPBACK.test(hostname)

/** The URL, or undefined for every other scheme, for userinfo and for fragments. attacker-controlled. */
export function endpointUrl(text: unknown): URL | undefined {
  if (typeof text !== 'string' || text.length > 2048) return undefined
  const url = URL.parse(text)
  if (url?.username !== '' || url.password !== '' || text.includes('#')) return undefined
  if (url.protocol === 'https:') return url
  return url.protocol === 'http:' && isLoopbackHost(url.hostname) ? url : undefined
}
