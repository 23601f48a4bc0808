// Revocations for whoever reads the registry without a token: a few streams for each address, each for an hour.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { openEventStream, type StreamTable } from '../http/sse-channel.ts'
import { addressBlock } from '../kernel/address-block.ts'
import type { Stop } from '../kernel/errors.ts'
import { keyOf } from '../kernel/principal.ts'
import { knownSequence, type RevocationFeed } from '../registry/revocation-feed.ts'

type Parts = {
  readonly streams: StreamTable
  readonly limits: () => { readonly streams: number }
  readonly feed: Pick<RevocationFeed, 'follow'>
  readonly isDraining: () => boolean
  /** milliseconds since the epoch */
  readonly now: () => number
}

const PER_ADDRESS = 8 // and half of all there may be is left to those who signed in
const LIFE_SECONDS = 3600
/** No issuer has this name: it is no URL. */
const ISSUER = 'stranger'

export const strangersFeed =
  ({ streams, limits, feed, isDraining, now }: Parts) =>
  (address: string, since: string | undefined): ((exchange: Exchange) => void) | Stop => {
    const after = knownSequence(since)
    if (typeof after !== 'number') return after
    if (isDraining()) return { stop: 'draining', retryAfterSeconds: 1 }
    const principal = keyOf(ISSUER, addressBlock(address))
    if (streams.isFull(principal, { total: limits().streams / 2, perPrincipal: PER_ADDRESS }))
      return {
        stop: 'subscription-limit',
        detail: `at most ${PER_ADDRESS} open streams from one address`,
        fix: 'close one',
        retryAfterSeconds: 5,
      }
    const issuedAtSeconds = Math.floor(now() / 1000)
    const held = { principal, issuer: ISSUER, issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + LIFE_SECONDS, aliases: [] }
    return ({ req, res }) => {
      const stream = openEventStream(req, res, { table: streams, held, mcpSession: undefined })
      if (stream) feed.follow(stream, after)
    }
  }

type Exchange = { readonly req: IncomingMessage; readonly res: ServerResponse }
