// Where metadata may stand: of a protected resource (RFC 9728 section 3.1) and of an authorization server (RFC 8414 section 3.1, OIDC Discovery 1.0), R110.

const RESOURCE = '/.well-known/oauth-protected-resource'
const SERVER = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'

const pathOf = ({ pathname }: URL): string => (pathname === '/' ? '' : pathname.replace(/\/$/, ''))

/** `isRoot`: the document of the whole origin, which may call the origin itself its resource. */
export type ResourceLocation = { readonly url: string; readonly isRoot: boolean }

/** In the order they are tried where no challenge named one. */
export function resourceLocations(server: string): readonly ResourceLocation[] {
  const url = new URL(server)
  const path = pathOf(url)
  const root = { url: url.origin + RESOURCE, isRoot: true }
  return path === '' ? [root] : [{ url: url.origin + RESOURCE + path + url.search, isRoot: false }, root]
}

/** In the order they are tried: path insertion, OIDC path insertion, OIDC append. */
export function serverLocations(issuer: string): readonly string[] {
  const url = new URL(issuer)
  const path = pathOf(url)
  const { origin } = url
  return path === '' ? [origin + SERVER, origin + OPENID] : [origin + SERVER + path, origin + OPENID + path, origin + path + OPENID]
}
