// An identity provider for tests: oidc-provider over real HTTP, whose accounts, groups and availability the test changes while it runs. It signs in whoever
// `nextUser` names, without a page.

import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt, exportJWK, generateKeyPair, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import { errors, Provider, interactionPolicy, type Adapter, type AdapterPayload, type KoaContextWithOIDC } from 'oidc-provider'

export type TestIdp = {
  readonly issuer: string
  /** subject to groups; remove one and the account is gone */
  readonly accounts: Map<string, string[]>
  nextUser: string
  /** further claims of everybody: `tid`, `oid` */
  more: Readonly<Record<string, unknown>>
  /** answers 503 to everything */
  isDown: boolean
  /** members its metadata leaves out */
  hides: readonly string[]
  /** no refresh tokens from now on */
  withoutRefresh: boolean
  /** paths asked for, in order */
  readonly asked: string[]
  /** query of the last authorization request */
  lastRequest: URLSearchParams
  /** `sid` of each sign-in, in order */
  readonly sids: string[]
  /** token exchanges, in order: their parameters, with the client that asked */
  readonly exchanged: Readonly<Record<string, unknown>>[]
  /** claims, `typ` or the whole text of the assertions it makes, in place of the right ones */
  asserts: { readonly claims?: Readonly<Record<string, unknown>>; readonly typ?: string; readonly text?: string }
  /** whom the ID token of a refresh speaks of, in place of who is signed in; '' = a refresh brings none */
  refreshesAs: string | undefined
  /** for whom it exchanged an ID token for such an access token */
  holderOf(token: string): string | undefined
  /** who an assertion it made stands for, where it was made for this audience and is good now */
  asserted(assertion: string, audience: string): Promise<string | undefined>
  /** tells the gateway that somebody signed out, as the library does it; rejects unless that is answered 200 */
  signOut(subject: string, session?: string): Promise<void>
  /** exactly these claims and this header, signed with its key */
  sign(claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>
  stop(): Promise<void>
}

const isRefresh = (ctx: object): boolean =>
  (ctx as { oidc?: { params?: { grant_type?: unknown } } }).oidc?.params?.grant_type === 'refresh_token'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag'

export const IDP_CLIENT = { clientId: 'gatehouse', clientSecret: 'a-secret-of-the-test' }

/** `redirectUri`: the gateway's callback. */
export async function startIdp(redirectUri: string): Promise<TestIdp> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  let serve: (req: Parameters<Server['emit']>[1], res: any) => void = () => {}
  const server = createServer((req, res) => {
    const path = (req.url ?? '').split('?')[0] ?? ''
    idp.asked.push(path)
    if (idp.isDown) return void res.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"temporarily_unavailable"}')
    if (path === '/auth') idp.lastRequest = new URL(req.url ?? '', 'http://x').searchParams
    serve(req, res)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { Check, Prompt } = interactionPolicy
  const asks = new Check('ask', 'ask', ctx => !(ctx.oidc.result as any)?.login)
  const provider = new Provider(issuer, {
    adapter: memoryAdapter(),
    // Without the library's own dispatcher, which Node's fetch does not take.
    fetch: (url, { method = 'GET', headers = {}, body = null } = {}) => fetch(url, { method, headers, body }),
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 86_400, IdToken: 600, Interaction: 600, RefreshToken: 86_400, Session: 600 },
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'idp', alg: 'ES256', use: 'sig' }] },
    clients: [
      {
        client_id: IDP_CLIENT.clientId,
        client_secret: IDP_CLIENT.clientSecret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token', EXCHANGE],
        response_types: ['code'],
        id_token_signed_response_alg: 'ES256',
        backchannel_logout_uri: new URL('/oauth/backchannel-logout', redirectUri).href,
        backchannel_logout_session_required: true,
      },
    ],
    cookies: { keys: ['test'], names: { session: 'idp_session', interaction: 'idp_ask', resume: 'idp_resume' } },
    claims: { openid: ['sub', 'groups', 'preferred_username', 'tid', 'oid'] },
    conformIdTokenClaims: false,
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    findAccount: (_ctx, sub) => {
      const groups = idp.accounts.get(sub)
      return groups && { accountId: sub, claims: () => ({ sub, groups, preferred_username: `${sub} of the test`, ...idp.more }) }
    },
    issueRefreshToken: () => !idp.withoutRefresh,
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    loadExistingGrant: ctx => {
      const grant = new ctx.oidc.provider.Grant({ accountId: ctx.oidc.session!.accountId!, clientId: ctx.oidc.client!.clientId })
      grant.addOIDCScope('openid offline_access')
      return grant.save().then(() => grant)
    },
    interactions: {
      url: (_ctx, { uid }) => `/pick/${uid}`,
      policy: [new Prompt({ name: 'login', requestable: true }, asks), new Prompt({ name: 'consent', requestable: true })],
    },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false }, backchannelLogout: { enabled: true } },
  })
  const exchanged = new Map<string, string | undefined>()
  provider.registerGrantType(EXCHANGE, async ctx => void (ctx.body = await exchange(ctx.oidc)), [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
  ])
  /** An ID token of this very client comes in; an assertion for another server (ID-JAG) goes out, or an access token. */
  async function exchange({ params, client }: KoaContextWithOIDC['oidc']): Promise<object> {
    const asked = { ...params }
    const clientId = client?.clientId ?? ''
    idp.exchanged.push({ ...asked, client: clientId })
    if (asked['subject_token_type'] !== ID_TOKEN) throw new errors.InvalidRequest('no ID token')
    const { payload } = await jwtVerify(String(asked['subject_token']), publicKey, { issuer, audience: clientId }).catch(() => {
      throw new errors.InvalidGrant('the ID token is not good')
    })
    if (asked['requested_token_type'] === ACCESS_TOKEN) {
      const token = `exchanged-${randomBytes(16).toString('base64url')}`
      exchanged.set(token, payload.sub)
      return { access_token: token, issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 300 }
    }
    if (asked['requested_token_type'] !== ID_JAG) throw new errors.InvalidRequest('no such token')
    const claims = { client_id: 'gateway', resource: asked['resource'], aud: asked['audience'], iss: issuer, sub: payload.sub }
    const { typ = 'oauth-id-jag+jwt', text } = idp.asserts
    const now = Math.floor(Date.now() / 1000)
    const made = new SignJWT({ iat: now, exp: now + 300, ...claims, ...idp.asserts.claims } as JWTPayload).setProtectedHeader({ alg: 'ES256', typ }) // prettier-ignore
    return { access_token: text ?? (await made.sign(privateKey)), issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 300 }
  }
  provider.on('grant.success', ctx => {
    const [, payload = ''] = ((ctx.body as { id_token?: string }).id_token ?? '').split('.')
    const { sid } = JSON.parse(Buffer.from(payload, 'base64url').toString() || '{}') as { sid?: string }
    if (ctx.oidc.params?.['grant_type'] === 'authorization_code' && sid !== undefined) idp.sids.push(sid)
  })
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/pick/')) {
      await next()
      const { id_token: idToken } = (ctx.path === '/token' ? ctx.body : {}) as { id_token?: string }
      if (idToken !== undefined && idp.refreshesAs !== undefined && isRefresh(ctx)) {
        const claims = { ...decodeJwt(idToken), sub: idp.refreshesAs }
        ctx.body = { ...(ctx.body as object), id_token: idp.refreshesAs === '' ? undefined : await idp.sign(claims, { typ: 'JWT' }) }
      }
      if (ctx.path.startsWith('/.well-known/'))
        ctx.body = Object.fromEntries(Object.entries(ctx.body as object).filter(([name]) => !idp.hides.includes(name)))
      // Each sign-in asks anew.
      const { session } = (ctx as { oidc?: { session?: { destroy(): Promise<void> } } }).oidc ?? {}
      if (ctx.response.get('location')?.startsWith(new URL(redirectUri).origin)) await session?.destroy()
      return
    }
    const result = idp.accounts.has(idp.nextUser) ? { login: { accountId: idp.nextUser, remember: false }, consent: {} } : { error: 'access_denied', error_description: '<b>not you</b>' } // prettier-ignore
    ctx.respond = false
    return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false })
  })
  serve = provider.callback() as typeof serve
  const idp: TestIdp = {
    issuer,
    accounts: new Map([
      ['alice', ['staff']],
      ['bob', []],
    ]),
    nextUser: 'alice',
    more: {},
    isDown: false,
    hides: [],
    withoutRefresh: false,
    asked: [],
    lastRequest: new URLSearchParams(),
    sids: [],
    exchanged: [],
    asserts: {},
    refreshesAs: undefined,
    holderOf: token => exchanged.get(token),
    asserted: (assertion, audience) =>
      jwtVerify(assertion, publicKey, { issuer, audience, typ: 'oauth-id-jag+jwt' }).then(
        ({ payload }) => payload.sub,
        () => undefined,
      ),
    async signOut(subject, session) {
      const client = (await provider.Client.find(IDP_CLIENT.clientId)) as unknown as {
        backchannelLogout(sub: string, sid?: string): Promise<void>
      }
      await client.backchannelLogout(subject, session)
    },
    sign: (claims, header = {}) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'idp', typ: 'logout+jwt', ...header }).sign(privateKey),
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return idp
}

/** Everything of one kind in a map: the library's own memory warns at each start. */
function memoryAdapter(): (name: string) => Adapter {
  return () => {
    const entries = new Map<string, AdapterPayload>()
    const find = (is: (payload: AdapterPayload) => boolean) => [...entries.values()].find(is)
    return {
      upsert: async (id, payload) => void entries.set(id, payload),
      find: async id => entries.get(id),
      findByUid: async uid => find(payload => payload.uid === uid),
      findByUserCode: async () => undefined,
      consume: async id => void Object.assign(entries.get(id) ?? {}, { consumed: Math.floor(Date.now() / 1000) }),
      destroy: async id => void entries.delete(id),
      revokeByGrantId: async grantId => {
        for (const [id, payload] of entries) if (payload.grantId === grantId) entries.delete(id)
      },
    }
  }
}
