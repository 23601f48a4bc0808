// Reads one request body with a cap; never more than the cap (plus one chunk) in memory (N076), and nothing large for somebody unknown.

import type { IncomingMessage } from 'node:http'
import type { Stop } from '../kernel/errors.ts'
import { noteMessage } from '../kernel/large-buffers.ts'

/** Bodies up to this many bytes are read whoever sends them. */
const SMALL_BYTES = 16_384

export type BodyRules = {
  readonly maxBytes: number
  /** asked once, before more than `SMALL_BYTES` are held: a stop drops the body, and is handed on when its sender has finished */
  readonly enlarge: (bytes: number) => Stop | undefined | Promise<Stop | undefined>
}

/** Calls back exactly once with the bytes or a Stop; not at all when the client went away first. */
export function readBody(req: IncomingMessage, { maxBytes, enlarge }: BodyRules, done: (body: Buffer | Stop) => void): void {
  const declared = req.headers['content-length']
  if (declared !== undefined && Number(declared) > maxBytes) return done(tooLarge(maxBytes))
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  let size = 0
  let isAllowed = false
  let refused: Stop | undefined
  const onData = (chunk: Buffer): void => {
    size += chunk.length
    if (size > maxBytes) {
      req.off('data', onData)
      req.off('end', onEnd)
      // Not drained: what is left is neither read nor waited for, the answer closes the connection.
      req.pause()
      return done(tooLarge(maxBytes))
    }
    if (refused) return
    if (first === undefined) first = chunk
    else (rest ??= [first]).push(chunk)
    if (size > SMALL_BYTES && !isAllowed) ask(maxBytes)
  }
  const onEnd = (): void => {
    noteMessage(size)
    done(refused ?? (rest ? Buffer.concat(rest, size) : (first ?? Buffer.alloc(0))))
  }
  /** Read on and dropped after a stop: a client that is still sending would not see an answer. */
  const judged = (stop: Stop | undefined): void => {
    refused = stop
    if (stop) first = rest = undefined
  }
  const ask = (bytes: number): void => {
    isAllowed = true
    const verdict = enlarge(bytes)
    if (!(verdict instanceof Promise)) return judged(verdict)
    req.pause()
    void verdict.then(stop => {
      judged(stop)
      req.resume()
    })
  }
  req.on('data', onData)
  req.on('end', onEnd)
  if (declared !== undefined && Number(declared) > SMALL_BYTES) ask(Number(declared))
}

/** A body was announced and not all of it has come. An answer that does not wait for it has to end the connection: node:http would read on. */
export const isBodyLeft = (req: IncomingMessage): boolean =>
  !req.complete && (req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) !== 0)

const tooLarge = (maxBytes: number): Stop => ({
  stop: 'body-too-large',
  detail: `the limit is ${maxBytes} bytes`,
  fix: 'raise limits.bodySize or send less',
})
