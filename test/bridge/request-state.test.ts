// Request state between rounds: what it carries, and every way in which a retry may not use it.

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  MAX_REQUEST_STATE,
  mintRequestState,
  openRequestState,
  type StateBinding,
  type StateFields,
} from '../../src/bridge/request-state.ts'
import { keyOf } from '../../src/kernel/principal.ts'
import { contextOf, createSealer } from '../../src/kernel/seal.ts'

const sealer = createSealer({ current: Buffer.alloc(32, 1), previous: Buffer.alloc(32, 2) }, randomBytes)
const binding: StateBinding = {
  principal: keyOf('https://idp.example', 'alice'),
  client: 'claude-code',
  endpoint: 'https://gw.example/mcp',
  alias: 'files',
  server: 'files-server 1.2.0',
  method: 'tools/call',
  paramsDigest: 'p'.repeat(43),
}
const fields: StateFields = {
  call: '0190-call',
  round: 2,
  expiresAtSeconds: 1000,
  asked: [
    { key: 'name', kind: 'elicitation.form' },
    { key: 'roots', kind: 'roots' },
  ],
  upstreamState: 'opaque "é\u0000\\ state',
}
const mint = (f: StateFields = fields, b = binding): string => mintRequestState(sealer, b, f) ?? expect.unreachable()

describe('request state', () => {
  it('gives back what it was given, the state of the upstream verbatim', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 })
    const kind = fc.constantFrom('elicitation.form', 'elicitation.url', 'sampling', 'sampling.tools', 'roots')
    const asked = fc.array(fc.record({ key: text, kind }), { maxLength: 16 })
    fc.assert(
      fc.property(asked, fc.tuple(text, text), fc.nat(), fc.boolean(), (questions, [call, state], round, isParked) => {
        const given: StateFields = {
          call,
          round,
          expiresAtSeconds: 50,
          asked: questions,
          ...(isParked ? { parkedCall: state } : { upstreamState: state }),
        }
        expect(openRequestState(sealer, mint(given), binding, 49)).toEqual(given)
      }),
    )
  })

  it('shows nothing of what it carries', () => {
    const raw = Buffer.from(mint(), 'base64url').toString('latin1')
    for (const word of ['opaque', 'alice', 'files', 'elicitation', 'claude']) expect(raw).not.toContain(word)
    expect(mint()).not.toBe(mint())
  })

  const others: { [K in keyof StateBinding]-?: StateBinding[K][] } = {
    principal: [keyOf('https://idp.example', 'bob'), keyOf('https://other.example', 'alice'), keyOf('https://idp.example', 'Alice')],
    client: ['cursor', '', undefined],
    endpoint: ['https://gw.example/servers/files/mcp', 'https://gw.example/mcp/'],
    alias: ['file', 'other'],
    server: ['files-server 1.2.1'],
    method: ['prompts/get', 'resources/read'],
    paramsDigest: ['q'.repeat(43), ''],
  }
  it.each(Object.entries(others))('N110: does not open when the retry differs in `%s`', (name, values) => {
    for (const value of values) expect(openRequestState(sealer, mint(), { ...binding, [name]: value }, 1)).toBeUndefined()
    expect(openRequestState(sealer, mint(), { ...binding }, 1)).toEqual(fields)
  })

  it('N110: does not open when fields were moved into each other', () => {
    expect(openRequestState(sealer, mint(), { ...binding, alias: 'filesfiles-server 1.2.0', server: '' }, 1)).toBeUndefined()
    expect(openRequestState(sealer, mint(fields, { ...binding, client: undefined }), { ...binding, client: 'null' }, 1)).toBeUndefined()
  })

  it('N110: does not open from the moment it expires', () => {
    expect(openRequestState(sealer, mint(), binding, 999)).toEqual(fields)
    for (const now of [1000, 1001, 1e12]) expect(openRequestState(sealer, mint(), binding, now)).toBeUndefined()
  })

  it('N110: does not open empty, oversized, or with any single bit flipped', () => {
    expect(openRequestState(sealer, '', binding, 1)).toBeUndefined()
    expect(openRequestState(sealer, 'A'.repeat(MAX_REQUEST_STATE + 1), binding, 1)).toBeUndefined()
    const raw = Buffer.from(mint(), 'base64url')
    for (let bit = 0; bit < raw.length * 8; bit++) {
      const changed = Buffer.from(raw)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(openRequestState(sealer, changed.toString('base64url'), binding, 1)).toBeUndefined()
    }
  })

  it('never opens from random bytes and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.uint8Array({ maxLength: 300 }).map(b => Buffer.from(b).toString('base64url')),
        ),
        text => {
          expect(openRequestState(sealer, text, binding, 1)).toBeUndefined()
          expect(openRequestState(sealer, mint().slice(0, 8) + text, binding, 1)).toBeUndefined()
        },
      ),
    )
  })

  it('is not a cursor or a task id, nor a shape of another build', () => {
    const context = contextOf(Object.values(binding) as string[])
    expect(openRequestState(sealer, sealer.seal('cursor', Buffer.from('[3,"c",1,9999,[],null,null]'), context), binding, 1)).toBeUndefined()
    expect(
      openRequestState(sealer, sealer.seal('request-state', Buffer.from('[3,"c",1,9999,[],null,null]'), context), binding, 1),
    ).toBeDefined()
    expect(
      openRequestState(sealer, sealer.seal('request-state', Buffer.from('[2,"c",1,9999,[],null,null]'), context), binding, 1),
    ).toBeUndefined()
  })

  it('is not made longer than 64 Ki characters', () => {
    expect(mintRequestState(sealer, binding, { ...fields, upstreamState: 'x'.repeat(70_000) })).toBeUndefined()
    expect(mintRequestState(sealer, binding, { ...fields, upstreamState: 'x'.repeat(50_000) })).toBeUndefined()
    const large = { ...fields, upstreamState: 'x'.repeat(48_000) }
    expect(openRequestState(sealer, mint(large), binding, 1)).toEqual(large)
  })
})
