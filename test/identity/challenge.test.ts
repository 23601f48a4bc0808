import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createChallenge, metadataDocument, resourceOf } from '../../src/identity/challenge.ts'

const GW = 'https://gw.example.com'
const PATHS = ['/mcp', '/servers/files/mcp', '/sets/dev/mcp']
/** Where the challenge says the metadata is. */
const metadataUrl = (publicUrl: string, path: string): string =>
  /resource_metadata="([^"]+)"/.exec(createChallenge({ publicUrl })({ stop: 'token-missing' }, { path }) ?? '')?.[1] ?? ''
const settings = { publicUrl: GW, authorizationServers: ['https://idp.example.com', 'https://two.example.com'] }

describe('challenge', () => {
  it.each(PATHS)('N001 without a token: where the metadata of %s is, and no error code (RFC 6750 section 3.1)', path => {
    expect(createChallenge({ publicUrl: GW })({ stop: 'token-missing', detail: 'x' }, { path })).toBe(
      `Bearer ${path === '/servers/files/mcp' ? 'scope="files:use", ' : ''}resource_metadata="${GW}/.well-known/oauth-protected-resource${path}"`,
    )
  })
  it('with a bad token: invalid_token, what is wrong and what would mend it', () => {
    const stop = { stop: 'token-invalid', detail: 'token has expired', fix: 'request a new token' } as const
    expect(createChallenge({ publicUrl: GW })(stop, { path: '/mcp' })).toBe(
      `Bearer error="invalid_token", error_description="token has expired; request a new token", resource_metadata="${GW}/.well-known/oauth-protected-resource/mcp"`,
    )
  })
  it('without a scope: insufficient_scope, and all that a new token has to have', () => {
    const stop = { stop: 'scope-missing', detail: 'the token lacks `files:write`', scopes: ['files:write', 'files:read'] } as const
    expect(createChallenge({ publicUrl: GW })(stop, { path: '/mcp' })).toBe(
      `Bearer error="insufficient_scope", scope="files:write files:read", error_description="the token lacks \`files:write\`", resource_metadata="${GW}/.well-known/oauth-protected-resource/mcp"`,
    )
  })
  it('says everywhere what the configuration says hosts should ask for at first', () => {
    const first = { publicUrl: GW, firstScopes: ['api://gatehouse/use'] }
    for (const path of PATHS) expect(createChallenge(first)({ stop: 'token-missing' }, { path })).toContain('scope="api://gatehouse/use", ')
    const document = metadataDocument({ ...settings, ...first }, '/.well-known/oauth-protected-resource/mcp') ?? ''
    expect(JSON.parse(document)).toMatchObject({ scopes_supported: ['api://gatehouse/use'] })
  })
  it('strangers learn no alias from what is asked for at /mcp and at sets', () => {
    for (const path of ['/mcp', '/sets/dev/mcp']) {
      expect(createChallenge({ publicUrl: GW })({ stop: 'token-missing' }, { path })).not.toContain('scope=')
      expect(metadataDocument(settings, `/.well-known/oauth-protected-resource${path}`)).not.toContain('scopes_supported')
    }
  })
  it('no other refusal carries one', () => {
    for (const stop of ['issuer-unavailable', 'denied', 'session-unknown'] as const)
      expect(createChallenge({ publicUrl: GW })({ stop }, { path: '/mcp' })).toBeUndefined()
  })
  it('header injection: no detail can end the quotes or the line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), detail => {
        const value = createChallenge({ publicUrl: GW })({ stop: 'token-invalid', detail }, { path: '/mcp' })!
        expect(value).toMatch(/^Bearer error="invalid_token", error_description="[^"\\\x00-\x1f\x7f-\uffff]*", resource_metadata="[^"]*"$/)
      }),
    )
  })
})

describe('metadata (R103, RFC 9728)', () => {
  const read = (path: string, publicUrl = GW) =>
    JSON.parse(metadataDocument({ ...settings, publicUrl }, path) ?? 'null') as Record<string, unknown> | null

  it.each(PATHS)('the URL in the challenge leads to the document of %s, whose resource is the audience', path => {
    expect(read(new URL(metadataUrl(GW, path)).pathname)).toEqual({
      resource: resourceOf(GW, path),
      authorization_servers: settings.authorizationServers,
      ...(path === '/servers/files/mcp' && { scopes_supported: ['files:use'] }),
      bearer_methods_supported: ['header'],
      resource_name: expect.stringMatching(/^Gatehouse/) as string,
    })
  })
  it('stands between host and path when the gateway is reached under a path', () => {
    const publicUrl = 'https://example.com/tools/gw'
    expect(metadataUrl(publicUrl, '/mcp')).toBe('https://example.com/.well-known/oauth-protected-resource/tools/gw/mcp')
    expect(read('/.well-known/oauth-protected-resource/tools/gw/mcp', publicUrl)).toMatchObject({ resource: `${publicUrl}/mcp` })
    expect(read('/.well-known/oauth-protected-resource/mcp', publicUrl)).toBeNull()
  })
  it('hosts that look only at the root find the document of /mcp', () => {
    expect(read('/.well-known/oauth-protected-resource')).toMatchObject({ resource: `${GW}/mcp` })
  })
  it('strangers learn no names: servers that exist and servers that do not are answered alike', () => {
    expect(read('/.well-known/oauth-protected-resource/servers/no-such-server/mcp')).toMatchObject({
      resource: `${GW}/servers/no-such-server/mcp`,
    })
  })
  it('offers no scopes: offline_access and omnibus scopes are not the resource’s to name (R107)', () => {
    expect(read('/.well-known/oauth-protected-resource/mcp')).not.toHaveProperty('scopes_supported')
  })
  it.each([
    '/',
    '/mcp/',
    '/mcp/x',
    '/servers//mcp',
    '/servers/a/b/mcp',
    '/servers/../mcp',
    '/servers/A/mcp',
    '/servers/%61/mcp',
    '/servers/a/mcp?x',
    '/servers/a\n/mcp',
    '/x',
    '/../../etc/passwd',
    'mcp',
  ])('nothing is at %j', suffix => expect(read(`/.well-known/oauth-protected-resource${suffix}`)).toBeNull())
})
