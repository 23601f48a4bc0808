// Dials an HTTP upstream: TLS 1.2 or newer, and where keys are pinned, one of those, at every connection.

import { hash } from 'node:crypto'
import { TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'

/** Code of the error of a connection whose key is not pinned. */
export const UNPINNED = 'TLS_KEY_UNPINNED'

/** Code of the error of a connection to a server that may not be used now. */
export const UNVERIFIED = 'SERVER_UNVERIFIED'

type Dialling = {
  readonly connectMs: number
  readonly spkiSha256?: readonly string[]
  /** asked before each connection: undefined = the server may be used. Never rejects */
  readonly verify?: (() => Promise<object | undefined>) | undefined
}

/**
 * `connect` dials instead of undici's own connector. Pins come on top of what certificate authorities vouch for, never in place of it, and are compared
 * before a byte of a request leaves. Without TLS there is no key, so a pinned upstream is not reached at all.
 */
export function upstreamConnector({ verify, ...dialling }: Dialling, connect?: buildConnector.connector): buildConnector.connector {
  const dial = pinnedConnector(dialling, connect)
  if (!verify) return dial
  return (options, callback) => {
    void verify().then(refused => {
      if (refused) callback(Object.assign(new Error('the server is not verified'), { code: UNVERIFIED }), null)
      else dial(options, callback)
    })
  }
}

function pinnedConnector(
  { connectMs, spkiSha256 }: Omit<Dialling, 'verify'>,
  connect: buildConnector.connector | undefined,
): buildConnector.connector {
  // A session that is taken up again proves the key it began with: with pins every connection shows its key anew.
  const own = { timeout: connectMs, allowH2: false, minVersion: 'TLSv1.2', ...(spkiSha256 && { maxCachedSessions: 0 }) } as const
  const dial = connect ?? buildConnector(own)
  if (!spkiSha256) return dial
  const pins = new Set(spkiSha256)
  return (options, callback) => {
    dial(options, (error, socket) => {
      if (error) callback(error, null)
      else if (isPinned(socket, pins)) callback(null, socket)
      else {
        socket.destroy()
        callback(Object.assign(new Error('the key is not pinned'), { code: UNPINNED }), null)
      }
    })
  }
}

/** INVARIANT: the connection is up, so its certificate was verified. The pin is of its own key, not of an authority's. */
function isPinned(socket: unknown, pins: ReadonlySet<string>): boolean {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  return certificate !== undefined && pins.has(hash('sha256', certificate.publicKey.export({ type: 'spki', format: 'der' })))
}
