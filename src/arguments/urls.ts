// URLs against lists of schemes, hosts and ports. One strict form, so that no other reader finds another host in it.

export type UrlRule = { readonly schemes: readonly string[]; readonly hosts: readonly string[]; readonly ports: readonly number[] }

const MAX_LENGTH = 8192
/** Nothing but printable ASCII, and no backslash, which browsers read as a slash. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]*$/
const FORM = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([/?#]|$)/
const AUTHORITY = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?$/
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443, ftp: 21 }

/** Undefined = permitted; else what is wrong. attacker-controlled. */
export function urlProblem(text: string, { schemes, hosts, ports }: UrlRule): string | undefined {
  if (text.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`
  if (!PLAIN.test(text)) return 'has other characters than a URL may have (other scripts in hosts are written in punycode)'
  const [, scheme = '', authority = ''] = FORM.exec(text) ?? []
  const protocol = scheme.toLowerCase()
  if (!schemes.includes(protocol)) return 'has a scheme that is not listed'
  if (authority.includes('@')) return 'has user information'
  const [, written = '', port] = AUTHORITY.exec(authority) ?? []
  const host = written.toLowerCase()
  // An address in another notation (decimal, octal, hexadecimal) comes out as another text.
  if (host === '' || !URL.canParse(text) || hostOf(text) !== host) return 'has a host that can be read in another way'
  if (!hosts.some(listed => isHost(host, listed))) return 'has a host that is not listed'
  const number = port === undefined ? DEFAULT_PORTS[protocol] : Number(port)
  const isUsual = number !== undefined && number === DEFAULT_PORTS[protocol]
  return (ports.length === 0 ? isUsual : number !== undefined && ports.includes(number)) ? undefined : 'has a port that is not listed'
}

/** As browsers read it; of schemes they do not know the host is taken as https would. */
const hostOf = (text: string): string => new URL(text.replace(/^[^:]+:/, 'https:')).hostname

const ADDRESS = /^\[|^[0-9.]+$/
/** `*.example.com` permits every name below it, never the name itself and never an address. */
function isHost(host: string, listed: string): boolean {
  if (!listed.startsWith('*.')) return host === listed
  return !ADDRESS.test(host) && host.endsWith(listed.slice(1)) && host.length > listed.length - 1 && !host.startsWith('.')
}
