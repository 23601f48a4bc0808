// Hosts, ports, networks and URLs as the configuration writes them, and which of them stay on this machine.

import { isIP, isIPv4, isIPv6 } from 'node:net'
import { quoted } from './faults.ts'

export type HostPort = { readonly host: string; readonly port: number }
type Problem = { readonly problem: string; readonly fix?: string }

/** `127.0.0.1:8400`, `[::1]:8400` or `localhost:8400`; names other than localhost are refused, because what they listen on depends on a resolver. */
export function parseListen(value: string): HostPort | Problem {
  const [, six, four, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(0|[1-9][0-9]{0,4})$/.exec(value) ?? []
  const host = six ?? (four === 'localhost' ? '127.0.0.1' : four)
  const port = Number(digits)
  if (host === undefined || !Number.isInteger(port))
    return { problem: `expected an address and a port such as \`127.0.0.1:8400\` or \`[::1]:8400\`, got ${quoted(value)}` }
  if (six === undefined ? !isIPv4(host) : !isIPv6(host))
    return { problem: `expected an IP address to listen on, got ${quoted(host)}`, fix: '0.0.0.0 or [::] listens on all' }
  if (port < 1 || port > 65535) return { problem: `expected a port from 1 to 65535, got ${port}` }
  return { host, port }
}

/** Whether an IP address or host name can only be reached from this machine. Unknown forms are not loopback. */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  if (isIPv4(bare)) return bare.startsWith('127.')
  // RFC 6761 section 6.3: names under localhost stay on the machine; one trailing dot is the same name.
  if (!isIP(bare)) return /^(?:[a-z0-9-]+\.)*localhost\.?$/i.test(bare)
  return bare === '::1' || bare === '0:0:0:0:0:0:0:1'
}

/** What is wrong with a CIDR network such as `10.0.0.0/8`, or undefined. */
export function cidrProblem(value: string): string | undefined {
  const [, address = '', bits = ''] = /^([0-9A-Fa-f:.]+)\/(0|[1-9][0-9]{0,2})$/.exec(value) ?? []
  const family = isIP(address)
  if (family === 0 || Number(bits) > (family === 4 ? 32 : 128))
    return `expected a network such as \`10.0.0.0/8\` or \`fd00::/8\`, got ${quoted(value)}`
  return Number(bits) === 0 ? 'a network of all addresses is everybody: name the networks that are meant' : undefined
}

/** What is wrong with an origin such as `https://app.example.com`, or undefined. Canonical: no path, no default port, lower case. */
export function originProblem(value: string): string | undefined {
  const url = urlOf(value)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    return `expected an origin such as \`https://app.example.com\`, got ${quoted(value)}`
  return url.origin === value ? undefined : `expected the plain origin \`${url.origin}\`, got ${quoted(value)}`
}

/** What is wrong with a Host value `name[:port]`, or undefined. */
export function hostProblem(value: string): string | undefined {
  const url = /[/?#@\\\s]/.test(value) ? undefined : urlOf(`http://${value}`)
  return url && (url.host === value || value === `${url.host}:80`)
    ? undefined
    : `expected a host and perhaps a port, in lower case, such as \`gateway.example.com:8443\`, got ${quoted(value)}`
}

/** What is wrong with an entry of `outbound.allow`, a network or `host:port`, or undefined. */
export function outboundProblem(value: string): string | undefined {
  if (value.includes('/')) return cidrProblem(value)
  const url = /[?#@*\\\s]/.test(value) ? undefined : urlOf(`https://${value}`)
  const isPlain = url && /:\d+$/.test(value) && (url.host === value || `${url.host}:443` === value)
  return isPlain
    ? undefined
    : `expected a host in lower case with its port, such as \`idp.corp.example:443\`, or a network, got ${quoted(value)}`
}

/** What is wrong with an http(s) URL to call, or undefined. Userinfo would end up in logs; a fragment is never sent (RFC 9110 section 4.2.4, RFC 3986 section 3.5). */
export function urlProblem(value: string): string | undefined {
  const url = /[\s\u0000-\u001f\\]/.test(value) ? undefined : urlOf(value)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return 'expected a URL that starts with https:// or http://'
  if (url.username !== '' || url.password !== '') return 'expected a URL without a user name or password: send credentials in `headers`'
  return value.includes('#') ? 'expected a URL without a fragment (`#…`)' : undefined
}

export function urlOf(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined
}
