// The sealing of request state, cursors and task ids: published vectors, and what an attacker may try with a sealed value.

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contextOf, createSealer, type Purpose, type Sealer } from '../../src/kernel/seal.ts'
import { createXaes } from '../../src/kernel/xaes.ts'

const keyOf = (fill: number): Buffer => Buffer.alloc(32, fill)
const sealerOf = (current: number, previous?: number): Sealer =>
  createSealer({ current: keyOf(current), previous: previous === undefined ? undefined : keyOf(previous) }, randomBytes)
const bytes = (): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength: 200 }).map(b => Buffer.from(b))
const purposes: readonly Purpose[] = ['request-state', 'cursor', 'task-id', 'vault']

describe('XAES-256-GCM (C2SP xaes-256-gcm, published vectors)', () => {
  const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX')
  const text = Buffer.from('XAES-256-GCM')
  it.each([
    [0x01, '', 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'],
    [0x03, 'c2sp.org/XAES-256-GCM', '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d'],
  ])('key %i', (fill, associated, expected) => {
    const xaes = createXaes(keyOf(fill))
    expect(xaes.seal(nonce, text, Buffer.from(associated)).toString('hex')).toBe(expected)
    expect(xaes.open(nonce, Buffer.from(expected, 'hex'), Buffer.from(associated))).toEqual(text)
  })
  it('gives the same answers when one object is used again and again', () => {
    const xaes = createXaes(keyOf(9))
    const other = createXaes(keyOf(9))
    for (let i = 0; i < 50; i++) {
      const n = randomBytes(24)
      const sealed = xaes.seal(n, text, nonce)
      expect(other.open(n, sealed, nonce)).toEqual(text)
      expect(other.open(n, sealed, Buffer.alloc(3))).toBeUndefined()
    }
  })
})

describe('sealed values', () => {
  it('come back whole for the same purpose and context', () => {
    fc.assert(
      fc.property(fc.constantFrom(...purposes), bytes(), bytes(), (purpose, plain, context) => {
        const sealer = sealerOf(1)
        expect(sealer.open(purpose, sealer.seal(purpose, plain, context), 1000, context)).toEqual(plain)
      }),
    )
  })

  it('start with version, key id and purpose, and are plain visible ASCII', () => {
    const sealer = sealerOf(1)
    const heads = purposes.map(p => sealer.seal(p, Buffer.from('x')).slice(0, 8))
    expect(new Set(heads).size).toBe(purposes.length)
    expect(new Set(heads.map(head => Buffer.from(head, 'base64url').toString('hex', 1, 5)))).toEqual(new Set([sealer.keyId]))
    for (const [i, purpose] of purposes.entries()) {
      const text = sealer.seal(purpose, randomBytes(40))
      expect(text.slice(0, 8)).toBe(heads[i])
      expect(Buffer.from(text, 'base64url')[0]).toBe(1)
      expect(text).toMatch(/^[A-Za-z0-9_-]+$/)
    }
    expect(sealerOf(2).seal('cursor', Buffer.from('x')).slice(0, 8)).not.toBe(heads[1])
  })

  it('never open after any single bit was flipped', () => {
    const sealer = sealerOf(1, 2)
    const context = contextOf(['who'])
    for (const purpose of purposes) {
      const raw = Buffer.from(sealer.seal(purpose, Buffer.from('{"a":1}'), context), 'base64url')
      for (let bit = 0; bit < raw.length * 8; bit++) {
        const changed = Buffer.from(raw)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        for (const asked of purposes) expect(sealer.open(asked, changed.toString('base64url'), 1000, context)).toBeUndefined()
      }
    }
  })

  it('never open when a character was changed, added or dropped (canonical base64url only)', () => {
    const sealer = sealerOf(1)
    for (const size of [0, 1, 2, 3]) {
      const text = sealer.seal('cursor', Buffer.alloc(size, 7))
      const variants = [
        text + '=',
        text + '==',
        text + 'A',
        text + '\n',
        ' ' + text,
        text.slice(0, -1),
        text.slice(1),
        text + text,
        text.replace(/.$/, '!'),
      ]
      for (let i = 0; i < text.length; i++) {
        for (const c of 'A_-+/=. ~\0é') if (c !== text[i]) variants.push(text.slice(0, i) + c + text.slice(i + 1))
      }
      for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
        if (last !== text.at(-1)) variants.push(text.slice(0, -1) + last) // also the spare bits of the last character
      }
      for (const variant of variants) expect(sealer.open('cursor', variant, 1000)).toBeUndefined()
      const standard = Buffer.from(text, 'base64url').toString('base64')
      if (standard !== text) expect(sealer.open('cursor', standard, 1000)).toBeUndefined()
    }
  })

  it('never open from random bytes or arbitrary text, and never throw', () => {
    const sealer = sealerOf(1, 2)
    const head = sealer.seal('cursor', Buffer.from('x')).slice(0, 8)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: 'binary' }),
          bytes().map(b => b.toString('base64url')),
        ),
        text => {
          expect(sealer.open('cursor', text, 10_000)).toBeUndefined()
          expect(sealer.open('cursor', head + text, 10_000)).toBeUndefined()
          expect(sealer.open('task-id', head + text, 10_000)).toBeUndefined()
        },
      ),
      { numRuns: 500 },
    )
  })

  it('open neither for another purpose nor in another context', () => {
    const sealer = sealerOf(1)
    const text = sealer.seal('cursor', Buffer.from('x'), contextOf(['a', 'b']))
    for (const context of [contextOf(['b', 'a']), contextOf(['a,b']), contextOf(['ab', '']), contextOf([]), undefined]) {
      expect(sealer.open('cursor', text, 1000, context)).toBeUndefined()
    }
    expect(sealer.open('request-state', text, 1000, contextOf(['a', 'b']))).toBeUndefined()
    expect(sealer.open('cursor', text, 1000, contextOf(['a', 'b']))).toEqual(Buffer.from('x'))
  })

  it('are measured before any work', () => {
    const sealer = sealerOf(1)
    const text = sealer.seal('cursor', randomBytes(10))
    expect(sealer.open('cursor', text, text.length - 1)).toBeUndefined()
    expect(sealer.open('cursor', text, text.length)).toBeDefined()
  })

  it('open in the next generation of the key and no longer in the one after', () => {
    const old = sealerOf(1).seal('cursor', Buffer.from('x'))
    expect(sealerOf(2, 1).open('cursor', old, 1000)).toEqual(Buffer.from('x'))
    expect(sealerOf(3, 2).open('cursor', old, 1000)).toBeUndefined()
    expect(sealerOf(2, 1).seal('cursor', Buffer.from('x')).slice(0, 8)).toBe(sealerOf(2).seal('cursor', Buffer.from('x')).slice(0, 8))
  })

  it('never repeat where the nonce is random, always repeat where it is derived', () => {
    const sealer = sealerOf(1)
    const texts = new Set(Array.from({ length: 300 }, () => sealer.seal('cursor', Buffer.from('x'))))
    expect(texts.size).toBe(300)
    const id = sealer.seal('task-id', Buffer.from('x'), contextOf(['alice']))
    expect(sealerOf(1).seal('task-id', Buffer.from('x'), contextOf(['alice']))).toBe(id)
    expect(sealer.seal('task-id', Buffer.from('x'), contextOf(['bob']))).not.toBe(id)
    expect(sealer.seal('task-id', Buffer.from('y'), contextOf(['alice']))).not.toBe(id)
    // moving bytes between content and context changes the nonce: their lengths are part of it
    expect(sealer.seal('task-id', Buffer.from('bc'), Buffer.from('a')).slice(8, 40)).not.toBe(
      sealer.seal('task-id', Buffer.from('c'), Buffer.from('ab')).slice(8, 40),
    )
  })

  it('refuse key material of a wrong length and one key as two generations', () => {
    expect(() => createSealer({ current: Buffer.alloc(16) }, randomBytes)).toThrow(expect.objectContaining({ code: 'sealing-key-invalid' }))
    expect(() => sealerOf(1, 1)).toThrow(expect.objectContaining({ code: 'sealing-key-invalid' }))
  })
})
