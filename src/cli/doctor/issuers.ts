// Identity providers: reachable, who they say they are, with keys that fit, and with a clock near ours.

import { readFile } from 'node:fs/promises'
import { isLoopback } from '../../config/addresses.ts'
import type { IssuerSettings, Snapshot } from '../../config/schema.ts'
import { fail, ok } from './check.ts'
import type { Check, World } from './check.ts'

export async function checkIssuers(world: World, snapshot: Snapshot): Promise<Check[]> {
  const named = snapshot.evaluation ? snapshot.issuers.slice(0, -1) : snapshot.issuers
  const checks = await Promise.all(named.map(async issuer => [...(await checkIssuer(world, issuer)), boundOf(issuer)]))
  if (snapshot.evaluation) checks.push([checkEvaluation(world, snapshot)])
  return checks.flat()
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

/** How long what its tokens opened may stay open after it has taken them back, unless an operator blocks somebody. */
function boundOf({ issuer, maxTokenSeconds, clockSkewSeconds, introspection, logoutAudience }: IssuerSettings): Check {
  const minutes = Math.ceil((maxTokenSeconds + clockSkewSeconds) / 60)
  const sooner = [
    ...(introspection ? ['it is asked about its tokens'] : []),
    ...(logoutAudience === undefined ? [] : ['back-channel logout ends a sign-in at once']),
  ]
  const bound = `a token it takes back counts for at most ${minutes} minutes`
  return ok(`issuer ${issuer}`, sooner.length > 0 ? `${bound}; ${sooner.join('; ')}` : `${bound}, whatever it says meanwhile`)
}

async function checkIssuer(world: World, issuer: IssuerSettings): Promise<Check[]> {
  const name = `issuer ${issuer.issuer}`
  if (issuer.jwksFile !== undefined) return [await checkKeyFile(name, issuer, issuer.jwksFile)]
  const checks: Check[] = []
  let jwksUri = issuer.jwksUri
  if (jwksUri === undefined) {
    const found = await readMetadata(world, issuer.issuer)
    if ('status' in found) return [{ ...found, name }]
    checks.push(...found.clock.map(check => ({ ...check, name })))
    jwksUri = found.jwksUri
  }
  const keys = await readJson(world, jwksUri)
  if (keys === undefined)
    checks.push(
      fail(
        name,
        `its keys cannot be read from ${shown(jwksUri)}`,
        'check the network and the proxy settings, or give its keys in `jwksFile`',
      ),
    )
  else checks.push(judgeKeys(name, issuer, keys.value))
  return checks
}

type Metadata = { readonly jwksUri: string; readonly clock: readonly Omit<Check, 'name'>[] }

/** OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.1; `issuer` must be identical (RFC 8414 section 3.3). */
async function readMetadata(world: World, issuer: string): Promise<Metadata | Omit<Check, 'name'>> {
  const url = new URL(issuer)
  const path = url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '')
  const places = [`${url.origin}${path}/.well-known/openid-configuration`, `${url.origin}/.well-known/oauth-authorization-server${path}`]
  for (const place of places) {
    const read = await readJson(world, place)
    if (read === undefined) continue
    const said = textOf(read.value, 'issuer')
    if (said !== issuer) {
      return {
        status: 'fail',
        what: `its metadata names another issuer, ${said === undefined ? 'none at all' : shown(said)}`,
        mend: 'write `issuer` exactly as its metadata does, a slash at the end included',
      }
    }
    const jwksUri = textOf(read.value, 'jwks_uri')
    if (jwksUri === undefined) return { status: 'fail', what: 'its metadata names no `jwks_uri`', mend: 'set `jwksUri` or `jwksFile`' }
    return { jwksUri, clock: judgeClock(world, read.date) }
  }
  return { status: 'fail', what: 'its metadata cannot be read', mend: 'check the network, or set `jwksUri` or `jwksFile`' }
}

function judgeClock(world: World, date: string | undefined): Omit<Check, 'name'>[] {
  const there = date === undefined ? Number.NaN : Date.parse(date)
  // The header has whole seconds and is some milliseconds old.
  const apart = Math.round(Math.abs(world.now() - there) / 1000)
  if (Number.isNaN(there) || apart <= 15) return []
  return [
    {
      status: apart > 60 ? 'fail' : 'warn',
      what: `its clock and this machine’s are ${apart} seconds apart`,
      mend: 'set the clocks, for example with NTP: tokens are judged by them',
    },
  ]
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
  const keys =
    typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys) ? (set.keys as readonly unknown[]) : undefined
  if (keys === undefined) return fail(name, 'what should be its keys is no JWK Set', 'check `jwksUri` or `jwksFile`')
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

async function readJson(world: World, url: string): Promise<{ readonly value: unknown; readonly date: string | undefined } | undefined> {
  try {
    const answer = await world.get(url)
    if (answer.status !== 200) return undefined
    const { date } = answer.headers
    return { value: JSON.parse(answer.body.toString('utf8')), date: typeof date === 'string' ? date : undefined }
  } catch {
    return undefined
  }
}

function textOf(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const member: unknown = Object.getOwnPropertyDescriptor(value, key)?.value
  return typeof member === 'string' ? member : undefined
}

/** attacker-controlled: what a provider says goes to a terminal. */
const shown = (text: string): string => `\`${text.slice(0, 200).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')}\``
