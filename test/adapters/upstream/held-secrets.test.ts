import { describe, expect, it } from 'vitest'
import { HeldSecrets } from '../../../src/adapters/upstream/held-secrets.ts'
import type { CallerCredential } from '../../../src/bridge/upstream.ts'

const credential = (secret: string): CallerCredential & { now: string } => ({
  now: secret,
  id: 'c',
  headers: () => [],
  secret() {
    return this.now
  },
  environment: {},
  refused: () => Promise.resolve(undefined),
})
const http = (headers: Record<string, string> = {}): HeldSecrets => new HeldSecrets({ kind: 'http', url: 'http://127.0.0.1/', headers })
const message = (value: unknown): Buffer => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: value }))

describe('secrets an upstream was given, in what it says', () => {
  it('are found whatever stands around them, and as JSON writes them', () => {
    const own = credential('sk-a"b/c\\d-0123')
    const held = http()
    expect(held.standIn(message({ text: 'the key sk-a"b/c\\d-0123.' }), own)).toBe(true)
    expect(
      held.standIn(
        Buffer.from(
          message({ text: 'sk-a"b/c\\d-0123' })
            .toString()
            .replaceAll('/', String.raw`\/`),
        ),
        own,
      ),
    ).toBe(true)
    expect(held.standIn(message({ text: 'the key sk-a' }), own)).toBe(false)
    expect(held.standIn(message({ text: 'sk-a"b/c\\d-0123' }), undefined)).toBe(false)
  })
  it('are found after a refresh too, where the call began before it', () => {
    const held = http()
    const own = credential('the-first-token')
    expect(held.standIn(message('the-second-token'), own)).toBe(false)
    own.now = 'the-second-token'
    for (const token of ['the-first-token', 'the-second-token']) expect(held.standIn(message(token), own)).toBe(true)
    own.now = 'the-third-token'
    expect(held.standIn(message('the-second-token'), own)).toBe(true)
  })
  it('are those of the configuration that are named as secrets: not a tenant, not a mode', () => {
    const held = http({ Authorization: 'Bearer configured-for-all', 'X-Api-Key': 'another-key-for-all', 'X-Tenant': 'acme-corporation' })
    for (const shown of ['configured-for-all', 'another-key-for-all']) expect(held.standIn(message({ shown }), undefined)).toBe(true)
    expect(held.standIn(message({ tenant: 'acme-corporation', scheme: 'Bearer' }), undefined)).toBe(false)
    const process = new HeldSecrets({ kind: 'stdio', command: 'x', args: [], env: { API_TOKEN: 'a-token-for-all', MODE: 'production' } })
    expect(process.standIn(message('a-token-for-all'), undefined)).toBe(true)
    expect(process.standIn(message('production'), undefined)).toBe(false)
  })
  it('are not looked for where they would stand in ordinary words', () => {
    expect(http().standIn(message({ text: 'a letter' }), credential('letter'))).toBe(false)
  })
})
