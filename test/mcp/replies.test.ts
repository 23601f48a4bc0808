// What a refusal looks like on the wire, and what it must not say.

import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/kernel/errors.ts'
import { errorObject, httpStatusOf, REPLIES } from '../../src/mcp/replies.ts'

const REASONS = Object.keys(REPLIES) as Reason[]
const read = (text: string) => JSON.parse(text) as { code: number; message: string; data: Record<string, unknown> }

describe('a name that exists and is not permitted', () => {
  const denied = { stop: 'denied', detail: 'no allow rule of `files` names this tool', fix: 'add it to upstreams.files.allow' } as const
  it('answers with the very bytes of a name that does not exist', () => {
    expect(errorObject(denied, 'request-1')).toBe(errorObject({ stop: 'unknown' }, 'request-2'))
    expect(errorObject(denied, 'request-1')).toBe(errorObject({ stop: 'unknown', detail: 'of no upstream' }, 'request-2'))
  })
  it.each(['modern', 'legacy'] as const)('and with its status towards %s hosts', era => {
    expect(httpStatusOf(denied, era)).toBe(httpStatusOf({ stop: 'unknown' }, era))
  })
})

describe.each(REASONS)('%s', reason => {
  it('has a sentence for people, a code outside what MCP reserves or one of its own, and its stable reason', () => {
    const { code, message, data } = read(errorObject({ stop: reason }, 'id'))
    expect(message).toMatch(/^[A-Z].*[^.]$/)
    expect(Number.isInteger(code) && code < 0).toBe(true)
    expect(data['reason']).toBe(reason === 'denied' ? 'unknown' : reason)
  })
  it('has an error status, or 200 where JSON-RPC carries the error', () => {
    for (const era of ['modern', 'legacy'] as const) {
      const status = httpStatusOf({ stop: reason }, era)
      expect(status === 200 || (status >= 400 && status < 600)).toBe(true)
    }
  })
})

it.each(['denied', 'unknown', 'state-invalid', 'internal-fault'] as const)('%s keeps its detail and its fix to the audit log', reason => {
  expect(errorObject({ stop: reason, detail: 'INSIDE', fix: 'INSIDE' }, 'id')).not.toContain('INSIDE')
})
it('others say what is wrong, what would mend it, when to retry, and which request it was', () => {
  const { message, data } = read(
    errorObject({ stop: 'principal-limited', detail: 'the limit is 5', fix: 'slow down', retryAfterSeconds: 2, data: { more: 1 } }, 'id'),
  )
  expect(message).toBe('Too many requests: the limit is 5')
  expect(data).toEqual({ reason: 'principal-limited', fix: 'slow down', retryAfterSeconds: 2, requestId: 'id', more: 1 })
})
