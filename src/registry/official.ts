// Entries as the official MCP registry API v0.1 shows them (OpenAPI 2025-12-01).

import { neutral } from '../kernel/neutral-json.ts'
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

/** ServerList as JSON text. What is not whole is left out: hosts give up a list for one entry in it. */
export function serverList(entries: readonly Entry[], nextCursor?: string): string {
  const whole = entries.filter(isWhole)
  const metadata = { ...(nextCursor !== undefined && { nextCursor }), count: whole.length }
  return `{"servers":[${whole.map(serverResponse).join(',')}],"metadata":${JSON.stringify(metadata)}}`
}

/** Whether its text is what was published under its name, at least in what hosts cannot do without. Whoever may write the file is past every other check. */
export function isWhole({ name, version, serverJson }: Entry): boolean {
  try {
    const server = JSON.parse(serverJson) as Readonly<Record<string, unknown>> | null
    const [own, description] = [server?.['name'], server?.['description']]
    return (
      typeof own === 'string' &&
      own.toLowerCase() === name.toLowerCase() &&
      server?.['version'] === version &&
      typeof description === 'string'
    )
  } catch {
    return false // no JSON: in a list it would take the others with it
  }
}

/** RFC 3339, in UTC. */
export const dateOf = (seconds: number): string => new Date(seconds * 1000).toISOString()

/** A verified bundle, with whom the verification found. */
export const bundleJson = ({ digest, kind, signer, bundle }: Attestation): string =>
  `{"sha256":"${digest}","kind":"${kind}","signer":${JSON.stringify(signer)},"bundle":${bundle}}`
