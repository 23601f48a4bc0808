// What a server that was admitted `exact` listed besides: it holds the whole server until a reviewer decides anew, also over restarts.

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import type { Difference } from './compare.ts'
import { PRIMITIVE_KINDS } from './primitive.ts'
import type { Admission } from './statement.ts'

export type Stranger = Pick<Difference, 'kind' | 'name' | 'standing'> & {
  /** which decision it is a stranger to */
  readonly decision: string
}

/** Where strangers are kept, one for each server. `keep` counts at once and never throws; it outlives a restart as far as the disk allows. */
export interface Strangers {
  of(alias: string): Stranger | undefined
  keep(alias: string, stranger: Stranger): void
}

/** Tells one decision about a server from another. */
export const decisionOf = ({ surfaceDigest, launchDigest, reviewer, reviewedAt }: Admission): string =>
  [surfaceDigest, launchDigest, reviewedAt, reviewer].join(' ')

/** Largest document, in bytes: a thousand servers fit. */
export const MAX_STRANGERS_BYTES = 4 * 1024 * 1024
/** Of a name; attacker-controlled. */
const MAX_NAME = 128
const KINDS: ReadonlySet<string> = new Set([...PRIMITIVE_KINDS, 'instructions'])

/** Reads what `writeStrangers` wrote. Throws Fault `strangers-invalid`: what is lost would pass again. */
export function readStrangers(bytes: Buffer): ReadonlyMap<string, Stranger> {
  const doc = readJson(bytes, { indexDepth: 3 })
  const servers = isJsonFault(doc) ? undefined : member(doc.root, 'servers')
  if (isJsonFault(doc) || servers?.kind !== 'object' || !servers.members) throw invalid('expected `{ "version": 1, "servers": { … } }`')
  return new Map(
    servers.members.map(({ key, value }) => {
      const text = (name: string): string => {
        const found = member(value, name)
        return found?.kind === 'string' ? textOf(doc, found) : ''
      }
      const [kind, standing, decision] = [text('kind'), text('standing'), text('decision')]
      if (!isKind(kind) || !isStanding(standing) || decision === '')
        throw invalid('expected kind, name, standing and decision of each server')
      return [key, { kind, name: text('name'), standing, decision }] as const
    }),
  )
}
const isKind = (text: string): text is Stranger['kind'] => KINDS.has(text)
const isStanding = (text: string): text is Stranger['standing'] => text === 'changed' || text === 'new'
const invalid = (detail: string): Fault => new Fault('strangers-invalid', `trust/strangers.json: ${detail}`)

export const writeStrangers = (strangers: ReadonlyMap<string, Stranger>): string =>
  `${JSON.stringify({ version: 1, servers: Object.fromEntries(strangers) }, undefined, 2)}\n`

/** A difference as it is kept. */
export const strangerOf = ({ kind, name, standing }: Difference, decision: string): Stranger => ({
  kind,
  name: name.slice(0, MAX_NAME).toWellFormed(),
  standing,
  decision,
})
