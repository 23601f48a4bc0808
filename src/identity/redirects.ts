// Where an application may be sent back to. attacker-controlled: anything that two readers could take for different URLs is refused (N039).

/** Private-use schemes without a dot (RFC 8252 section 7.1 wants one) that known editors register all the same. */
const EDITOR_SCHEMES = new Set(['cursor:', 'vscode:', 'vscode-insiders:', 'windsurf:', 'zed:'])
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** https to a host on the network, http to this machine (RFC 8252 section 7.3), or a private-use scheme; at most 512 characters, written as it is parsed. */
export function isAcceptedRedirect(uri: unknown): uri is string {
  if (typeof uri !== 'string' || uri.length > 512 || !/^[\x21-\x7e]+$/.test(uri) || /[\\#*<>"^`{|}]/.test(uri)) return false
  const url = URL.parse(uri)
  if (url?.username !== '' || url.password !== '' || /^[^/?]*\/\/[^/?]*@/.test(uri)) return false
  if (/%2f|%5c|%2e|\/\.\.?(?:\/|$|\?)/i.test(uri.split('?', 1)[0] ?? '')) return false
  if (url.protocol === 'http:') return LOOPBACK.has(url.hostname) && uri.startsWith(`http://${url.hostname}`)
  // No upper case host, default port or trailing dot: others might read it as another host.
  if (url.protocol === 'https:')
    return uri.startsWith(`https://${url.host}`) && !isLoopbackName(url.hostname) && !url.hostname.endsWith('.')
  return EDITOR_SCHEMES.has(url.protocol) || /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/.test(url.protocol)
}

/** This machine or a program on it, where any other program may answer in the application's place. */
export const isNativeRedirect = (uri: string): boolean => {
  const url = URL.parse(uri)
  return url?.protocol !== 'https:' || isLoopbackName(url.hostname)
}

/** This machine, whatever it is called. */
const isLoopbackName = (hostname: string): boolean =>
  hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || hostname.startsWith('127.')
