// What an identity provider publishes about itself, as the doctor reads it: nothing of it is believed beyond the report.

import type { Check, World } from './check.ts'

export type Metadata = {
  /** a text member; undefined when it is absent or no text */
  text(name: string): string | undefined
  /** a list of texts; undefined when it is absent or no list */
  list(name: string): readonly string[] | undefined
  isTrue(name: string): boolean
  readonly clock: readonly Omit<Check, 'name'>[]
}

/** OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.1; `issuer` must be identical (RFC 8414 section 3.3). */
export async function readMetadata(world: World, issuer: string): Promise<Metadata | Omit<Check, 'name'>> {
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
    return {
      text: name => textOf(read.value, name),
      list: name => listOf(read.value, name),
      isTrue: name => memberOf(read.value, name) === true,
      clock: judgeClock(world, read.date),
    }
  }
  return { status: 'fail', what: 'its metadata cannot be read', mend: 'check the network, the proxy settings and `outbound.allow`' }
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

export async function readJson(
  world: World,
  url: string,
): Promise<{ readonly value: unknown; readonly date: string | undefined } | undefined> {
  try {
    const answer = await world.get(url)
    if (answer.status !== 200) return undefined
    const { date } = answer.headers
    return { value: JSON.parse(answer.body.toString('utf8')), date: typeof date === 'string' ? date : undefined }
  } catch {
    return undefined
  }
}

export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, name)?.value
}
export function textOf(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name)
  return typeof member === 'string' ? member : undefined
}
function listOf(value: unknown, name: string): readonly string[] | undefined {
  const member = memberOf(value, name)
  return Array.isArray(member) ? member.filter(each => typeof each === 'string') : undefined
}

/** attacker-controlled: what a provider says goes to a terminal. */
export const shown = (text: string): string => `\`${text.slice(0, 200).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')}\``
