// Entries as the official MCP registry API v0.1 shows them (OpenAPI 2025-12-01).

import type { Entry } from './store.ts'
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

/**
 * The same JSON, with nothing in it that could be taken for markup where somebody puts it into a page, or end a line of a script. These characters stand in
 * strings alone, where an escape means the same.
 */
export const neutral = (json: string): string =>
  json.replace(/[<>&\u2028\u2029]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
