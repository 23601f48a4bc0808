// Reads one request body with a cap; never more than the cap (plus one chunk) in memory (N076).

import type { IncomingMessage } from 'node:http'
import type { Stop } from '../kernel/errors.ts'

/** Calls back exactly once with the bytes or a Stop; not at all when the client went away first. */
export function readBody(req: IncomingMessage, maxBytes: number, done: (body: Buffer | Stop) => void): void {
  const declared = req.headers['content-length']
  if (declared !== undefined && Number(declared) > maxBytes) return done(tooLarge(maxBytes))
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  let size = 0
  const onData = (chunk: Buffer): void => {
    size += chunk.length
    if (size > maxBytes) {
      req.off('data', onData)
      req.off('end', onEnd)
      // Not drained: what is left is neither read nor waited for, the answer closes the connection.
      req.pause()
      done(tooLarge(maxBytes))
    } else if (first === undefined) first = chunk
    else (rest ??= [first]).push(chunk)
  }
  const onEnd = (): void => done(rest ? Buffer.concat(rest, size) : (first ?? Buffer.alloc(0)))
  req.on('data', onData)
  req.on('end', onEnd)
}

/** A body was announced and not all of it has come. An answer that does not wait for it has to end the connection: node:http would read on. */
export const isBodyLeft = (req: IncomingMessage): boolean =>
  !req.complete && (req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) !== 0)

const tooLarge = (maxBytes: number): Stop => ({
  stop: 'body-too-large',
  detail: `the limit is ${maxBytes} bytes`,
  fix: 'raise limits.bodySize or send less',
})
