// Identity providers: reachable, who they say they are, with keys that fit, a clock near ours, and how soon what they take back ends here.

import { readFile } from 'node:fs/promises'
import { isLoopback } from '../../config/addresses.ts'
import type { IssuerSettings, Snapshot } from '../../config/schema.ts'
import { fail, ok, warn } from './check.ts'
import type { Check, World } from './check.ts'
import { memberOf, readJson, readMetadata, shown, textOf, type Metadata } from './metadata.ts'
import { checkSubjectClaim } from './subjects.ts'

export async function checkIssuers(world: World, snapshot: Snapshot): Promise<Check[]> {
  const { issuers, evaluation, authorizationServer } = snapshot
  const own = authorizationServer ? issuers[0] : undefined
  const named = (evaluation ? issuers.slice(0, -1) : issuers).filter(issuer => issuer !== own)
  const checks = (await Promise.all(named.map(issuer => checkIssuer(world, issuer)))).flat()
  if (own && authorizationServer) checks.push(checkOwnServer(own, authorizationServer.tokenSeconds))
  if (evaluation) checks.push(checkEvaluation(world, snapshot))
  return checks
}

/** It runs only while the gateway does, so silence is not a fault; being reachable from elsewhere is. */
function checkEvaluation(world: World, { evaluation, listen, publicUrl }: Snapshot): Check {
  const name = 'evaluation provider'
  const isOnLoopback = isLoopback(listen.host) && isLoopback(new URL(publicUrl).hostname)
  if (!isOnLoopback)
    return fail(name, 'it signs people in without a password, and the gateway is not on loopback only', 'take `identity.evaluation` out')
  if (world.env['NODE_ENV'] === 'production') {
    return fail(
      name,
      'it does not run with NODE_ENV=production',
      'take `identity.evaluation` out and name your identity provider under `identity.issuers`',
    )
  }
  return ok(name, `it is on loopback only; anybody on this machine can sign in as any of its ${evaluation?.users.length ?? 0} users`)
}

const minutesOf = (seconds: number): number => Math.ceil(seconds / 60)

/** Its keys and tokens are the gateway's own: nobody has to be asked, and what ends in its store ends at once. */
const checkOwnServer = ({ issuer }: IssuerSettings, tokenSeconds: number): Check =>
  ok(`issuer ${issuer}`, `it is this gateway’s own: its tokens live ${minutesOf(tokenSeconds)} minutes, and end at once with their sign-in`)

async function checkIssuer(world: World, issuer: IssuerSettings): Promise<Check[]> {
  const name = `issuer ${issuer.issuer}`
  const isAsked = issuer.jwksFile === undefined && issuer.jwksUri === undefined
  const read = isAsked || issuer.introspection ? await readMetadata(world, issuer.issuer) : undefined
  const metadata = read === undefined || 'status' in read ? undefined : read
  // Where everything is configured its metadata only help.
  const clock = read === undefined ? [] : 'status' in read ? (isAsked ? [read] : []) : read.clock
  const checks = clock.map(check => ({ ...check, name }))
  if (metadata !== undefined || !isAsked) checks.push(await checkKeys(world, issuer, metadata))
  checks.push(checkSubjectClaim(name, issuer, metadata))
  if (issuer.introspection) checks.push(await checkIntrospection(world, issuer))
  return [...checks, boundOf(issuer)]
}

/** Seconds until an issuer that is asked about its tokens has been heard: verdicts and open streams are looked at every 15 s (identity/bearer.ts). */
const ASKED_SECONDS = 30
const LONG_SECONDS = 900

/** How long what its tokens opened may stay open after it has taken them back, unless an operator blocks somebody. */
function boundOf({ issuer, maxTokenSeconds, clockSkewSeconds, introspection, logoutAudience }: IssuerSettings): Check {
  const name = `issuer ${issuer}`
  const logout = logoutAudience === undefined ? '' : '; back-channel logout ends a sign-in at once'
  if (introspection)
    return ok(name, `a token it takes back ends within ${ASKED_SECONDS} seconds, because it is asked about its tokens${logout}`)
  const bound = `a token it takes back counts for at most ${minutesOf(maxTokenSeconds + clockSkewSeconds)} minutes`
  if (maxTokenSeconds > LONG_SECONDS)
    return warn(
      name,
      `${bound}${logout}`,
      'set `maxTokenLife` to 15 minutes or less and let it issue such tokens, or let it be asked about them (`introspection`)',
    )
  return ok(name, `${bound}${logout === '' ? ', whatever it says meanwhile' : logout}`)
}

async function checkIntrospection(world: World, { issuer, introspection }: IssuerSettings): Promise<Check> {
  const name = `introspection ${issuer}`
  const fault = await world.introspect({ issuer, ...(introspection && { introspection }) })
  return fault === undefined
    ? ok(name, 'it answers, knows this gateway, and calls a made-up token inactive')
    : fail(name, `${fault}; until it answers none of its tokens count`, 'check `introspection.url`, client id, secret and `method`')
}

async function checkKeys(world: World, issuer: IssuerSettings, metadata: Metadata | undefined): Promise<Check> {
  const name = `issuer ${issuer.issuer}`
  if (issuer.jwksFile !== undefined) return checkKeyFile(name, issuer, issuer.jwksFile)
  const jwksUri = issuer.jwksUri ?? metadata?.text('jwks_uri')
  if (jwksUri === undefined) return fail(name, 'its metadata names no `jwks_uri`', 'set `jwksUri` or `jwksFile`')
  const keys = await readJson(world, jwksUri)
  if (keys !== undefined) return judgeKeys(name, issuer, keys.value)
  return fail(
    name,
    `its keys cannot be read from ${shown(jwksUri)}`,
    'check the network and the proxy settings, or give its keys in `jwksFile`',
  )
}

async function checkKeyFile(name: string, issuer: IssuerSettings, file: string): Promise<Check> {
  try {
    return judgeKeys(name, issuer, JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return fail(name, `its keys cannot be read from ${file}`, 'expected a file with a JWK Set: `{"keys": […]}`')
  }
}

const KEY_TYPE: Readonly<Record<string, string>> = { RS: 'RSA', PS: 'RSA', ES: 'EC', Ed: 'OKP' }

function judgeKeys(name: string, issuer: IssuerSettings, set: unknown): Check {
  const keys = memberOf(set, 'keys')
  if (!Array.isArray(keys)) return fail(name, 'what should be its keys is no JWK Set', 'check `jwksUri` or `jwksFile`')
  const fits = (key: unknown, algorithm: string): boolean => {
    const alg = textOf(key, 'alg')
    return (
      textOf(key, 'use') !== 'enc' && textOf(key, 'kty') === KEY_TYPE[algorithm.slice(0, 2)] && (alg === undefined || alg === algorithm)
    )
  }
  const usable = keys.filter(key => issuer.algorithms.some(algorithm => fits(key, algorithm)))
  if (usable.length > 0) return ok(name, `${usable.length} of its ${keys.length} keys fit the accepted algorithms`)
  return fail(
    name,
    `none of its ${keys.length} keys fits the accepted algorithms (${issuer.algorithms.join(', ')})`,
    'see which it signs with, and name them under `algorithms`',
  )
}
