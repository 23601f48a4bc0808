// The cookies of our own pages. Behind https they are `__Host-`: no other host of the domain can set or see them (RFC 6265bis section 4.1.3.2).

import type { IncomingMessage, ServerResponse } from 'node:http'

export type CookieJar = {
  /** the value this browser sent; undefined when there is none, or more than one: then somebody else put one in */
  read(req: IncomingMessage, name: string): string | undefined
  write(res: ServerResponse, name: string, cookie: { readonly value: string; readonly maxAgeSeconds: number }): void
  clear(res: ServerResponse, name: string): void
}

/**
 * Secure, HttpOnly, for the whole host; SameSite=Lax where links of others lead into a session, Strict where none has to. Over plain http, which the configuration allows on loopback alone, browsers take no `__Host-` cookies:
 * there the name has no prefix and the cookie no Secure, and other ports of this machine see it too.
 */
export function createCookieJar(publicUrl: string, sameSite: 'Lax' | 'Strict' = 'Lax'): CookieJar {
  const isSecure = publicUrl.startsWith('https:')
  const nameOf = (name: string): string => (isSecure ? `__Host-${name}` : name)
  const set = (res: ServerResponse, name: string, rest: string): void => {
    res.appendHeader('Set-Cookie', `${nameOf(name)}=${rest}; Path=/; HttpOnly; SameSite=${sameSite}${isSecure ? '; Secure' : ''}`)
  }
  return {
    read(req, name) {
      const prefix = `${nameOf(name)}=`
      const found = (req.headers.cookie ?? '').split(/; */).filter(pair => pair.startsWith(prefix))
      return found.length === 1 ? found[0]?.slice(prefix.length) : undefined
    },
    write: (res, name, { value, maxAgeSeconds }) => set(res, name, `${value}; Max-Age=${maxAgeSeconds}`),
    clear: (res, name) => set(res, name, '; Max-Age=0'),
  }
}
