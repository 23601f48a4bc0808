// The repository of trust that this gateway publishes, for other gateways: public, signed, read-only. Nobody needs a token, and everybody has a limit.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'

/** `isFixed`: bytes under this name never change */
type File = { readonly bytes: number; readonly isFixed: boolean; readonly read: () => Readable; readonly close: () => void }

export type TrustFilesDeps = {
  /** a file of the repository; `unknown`: there never is one of this name. Rejects when it cannot be told */
  readonly open: (name: string) => Promise<File | 'absent' | 'unknown'>
  /** whether a stranger at this address may ask once more */
  readonly mayAsk: (address: string) => Promise<boolean>
  readonly penalise: (address: string) => void
  readonly onFault: (cause: unknown) => void
}

const PREFIX = '/tuf/'
export const isTrustPath = (path: string): boolean => path.startsWith(PREFIX)

/** A reader that takes nothing for so long is left. */
const PATIENCE_MS = 30_000
const ALWAYS = {
  'Content-Type': 'application/json',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
} as const
const NOT_KEPT = { 'Cache-Control': 'no-store' } as const
const KEPT = { 'Cache-Control': 'public, max-age=31536000, immutable' } as const

/** Every path below /tuf/. Host and Origin were checked before (http/edge.ts). Never throws. */
export async function serveTrustFile(deps: TrustFilesDeps, req: IncomingMessage, res: ServerResponse, address: string): Promise<void> {
  try {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      refuse(res, 405, 'http-method-refused', { Allow: 'GET, HEAD' })
      return
    }
    if (!(await deps.mayAsk(address))) {
      refuse(res, 429, 'address-limited', { 'Retry-After': '60' })
      return
    }
    // As sent, neither decoded nor normalised; a query makes it another name.
    const found = await deps.open((req.url ?? '').slice(PREFIX.length))
    if (found === 'unknown') deps.penalise(address)
    if (typeof found === 'string') {
      refuse(res, 404, 'path-unknown', {})
      return
    } // followers ask for the next root until there is one
    if (res.destroyed) {
      found.close()
      return
    }
    res.writeHead(200, { ...ALWAYS, ...(found.isFixed ? KEPT : NOT_KEPT), 'Content-Length': found.bytes })
    if (req.method === 'HEAD') {
      found.close()
      return void res.end()
    }
    res.setTimeout(PATIENCE_MS, () => res.destroy())
    pipeline(found.read(), res, () => found.close())
  } catch (cause) {
    deps.onFault(cause)
    if (res.headersSent) res.destroy()
    else refuse(res, 500, 'internal-fault', {})
  }
}

function refuse(res: ServerResponse, status: number, reason: string, headers: Readonly<Record<string, string>>): void {
  if (!res.destroyed) res.writeHead(status, { ...ALWAYS, ...NOT_KEPT, ...headers }).end(JSON.stringify({ reason }))
}
