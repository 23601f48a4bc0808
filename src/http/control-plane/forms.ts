// Forms that people send: small, of our own pages, and bound to their session.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const MAX_FORM_BYTES = 16 * 1024

/** The fields of a form, or undefined where the body is no form, too large, or broken off. */
export async function readForm(req: IncomingMessage): Promise<URLSearchParams | undefined> {
  const type = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded' || req.headers['content-encoding'] !== undefined) return undefined
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of req as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_FORM_BYTES) return undefined
      chunks.push(chunk)
    }
  } catch {
    return undefined // the browser went away
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

/**
 * The token that a form of this session carries. Derived, so nothing is kept; another session, another form or another object gives another one. `form`: the
 * form's name and what it is about, e.g. `consent <id>`.
 */
export const formToken = (key: Buffer, session: string, form: string): string =>
  createHmac('sha256', key)
    .update(JSON.stringify(['form', session, form]))
    .digest('base64url')

export function isSameToken(expected: string, got: string | null): boolean {
  const a = Buffer.from(expected)
  const b = Buffer.from(got ?? '')
  return a.length === b.length && timingSafeEqual(a, b)
}
