// What people are shown of a request, as it is kept beside its approval until it is shown: plain data, text of strangers as it came.

import { leavesOf } from './leaves.ts'
import type { Shown } from './shapes.ts'
import { piecesOf } from './text.ts'

export type Kept = {
  readonly server: Shown['server']
  readonly account: string
  readonly definition?: {
    readonly digest: string
    readonly title: string
    readonly description: string
    readonly hints: Readonly<Record<string, boolean>>
  }
  /** JSON text: params as they go to the server, or what the server asks */
  readonly request: string
  readonly from: Omit<Shown['from'], 'clientInfo'> & { readonly clientInfo: string }
  readonly policy: Shown['policy']
  readonly findings: readonly string[]
}

const VERSION = 1

export const keptText = (kept: Kept): string => JSON.stringify({ version: VERSION, kept })

/** Undefined for what another build kept. */
export function readKept(text: string): Kept | undefined {
  // What this gateway wrote, sealed; another version is another build's.
  const { version, kept } = JSON.parse(text) as { version: number; kept: Kept }
  return version === VERSION ? kept : undefined
}

/** Undefined where not all of the request can be shown. */
export function shownOf({ server, account, definition, request, from, policy, findings }: Kept): Shown | undefined {
  const leaves = leavesOf(request)
  if (!leaves) return undefined
  return {
    server,
    account,
    ...(definition && {
      definition: { ...definition, title: piecesOf(definition.title), description: piecesOf(definition.description) },
    }),
    arguments: { bytes: Buffer.byteLength(request), leaves },
    from: { ...from, clientInfo: piecesOf(from.clientInfo) },
    policy,
    findings,
  }
}
