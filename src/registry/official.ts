// Entries as the official MCP registry API v0.1 shows them (OpenAPI 2025-12-01).

import type { Attestation, Entry } from './store.ts'
import { statusOf } from './standing.ts'

const OFFICIAL = 'io.modelcontextprotocol.registry/official'
/** Ours, for people to look at: no gateway may decide anything by it. */
const TRUST = 'gatehouse/trust'

/** ServerResponse as JSON text. The server.json in it is the published text, so a digest over its canonical form is still what was signed. */
export function serverResponse(entry: Entry): string {
  const { serverJson, standing, message, changedAtSeconds, publishedAtSeconds, isLatest, isSigned, digest, sequence } = entry
  const official = {
    status: statusOf(standing),
    ...(message !== undefined && { statusMessage: message }),
    statusChangedAt: dateOf(changedAtSeconds),
    publishedAt: dateOf(publishedAtSeconds),
    updatedAt: dateOf(changedAtSeconds),
    isLatest,
  }
  const meta = { [OFFICIAL]: official, [TRUST]: { standing, isSigned, sequence, serverJsonSha256: digest } }
  return neutral(`{"server":${serverJson},"_meta":${JSON.stringify(meta)}}`)
}

/** ServerList as JSON text. */
export function serverList(entries: readonly Entry[], nextCursor?: string): string {
  const metadata = { ...(nextCursor !== undefined && { nextCursor }), count: entries.length }
  return `{"servers":[${entries.map(serverResponse).join(',')}],"metadata":${JSON.stringify(metadata)}}`
}

/** RFC 3339, in UTC. */
export const dateOf = (seconds: number): string => new Date(seconds * 1000).toISOString()

/** A verified bundle, with whom the verification found. */
export const bundleJson = ({ digest, kind, signer, bundle }: Attestation): string =>
  `{"sha256":"${digest}","kind":"${kind}","signer":${JSON.stringify(signer)},"bundle":${bundle}}`

/**
 * The same JSON, with nothing in it that could be taken for markup where somebody puts it into a page, end a line of a script, move the cursor of a terminal,
 * turn the direction of reading or hide. These characters stand in strings alone, where an escape means the same.
 */
export const neutral = (json: string): string => (PLAIN.test(json) ? json : json.replace(ACTIVE, escaped))

const PLAIN = /^[^<>&\x7f-\uffff]*$/
// Line breaks and tabs of a published text stand between its tokens; in a string there is none.
const ACTIVE =
  /[<>&\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Cn}\u115f\u1160\u3164\uffa0]|\u034f|\u17b4|\u17b5|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu
const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
