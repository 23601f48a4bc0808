// The standing of a version in the registry, how it may change, and what the official API calls it.

import type { Stop } from '../kernel/errors.ts'

/**
 * quarantined: published, nobody vouches for it yet; never served. admitted: served. deprecated: served, with a warning. revoked: never again, for whatever
 * reason; shown only to who asks for deleted ones.
 */
export const STANDINGS = ['quarantined', 'admitted', 'deprecated', 'revoked'] as const
export type Standing = (typeof STANDINGS)[number]

/** Statuses of the official API; a quarantined version has none, it does not exist there. */
export type OfficialStatus = 'active' | 'deprecated' | 'deleted'
const STATUS: Readonly<Record<Standing, OfficialStatus | undefined>> = {
  quarantined: undefined,
  admitted: 'active',
  deprecated: 'deprecated',
  revoked: 'deleted',
}
export const statusOf = (standing: Standing): OfficialStatus | undefined => STATUS[standing]
export const standingOf = (status: string): Standing | undefined => STANDINGS.find(standing => STATUS[standing] === status)

/** Longest message with a standing, in characters. */
const MAX_MESSAGE = 500

/**
 * Why a person may not bring a version from one standing to another; undefined = they may. Nobody admits by hand: a verified statement does. Revoked is the
 * end: a version that came back could be the one that was withdrawn for cause.
 */
export function transitionProblem(from: Standing, to: Standing, message: string | undefined): Stop | undefined {
  if (to === 'admitted' && message !== undefined) return refused('an active version has no message', 'leave `statusMessage` away')
  if (message !== undefined && Array.from(message).length > MAX_MESSAGE)
    return refused(`the message is longer than ${MAX_MESSAGE} characters`)
  if (from === 'revoked')
    return to === 'revoked' ? refused('it is revoked already') : refused('what is revoked stays revoked', 'publish a new version')
  if (from === to) return refused(`no changes to apply: it is ${STATUS[to] ?? to} already`)
  if (from === 'quarantined' && to !== 'revoked')
    return { stop: 'attestation-required', detail: 'nobody admits by hand', fix: 'send a verified statement to `/v1/attestations`' }
  return undefined
}
const refused = (detail: string, fix?: string): Stop => ({ stop: 'params-invalid', detail, ...(fix !== undefined && { fix }) })
