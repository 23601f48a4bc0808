// Lines and their hashes, read here or in a thread: against cutting the file with `split`.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eachHashed } from '../../../src/adapters/audit/hashed-records.ts'
import { leafHash } from '../../../src/audit/tree.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'records-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const MIB = 1 << 20
const lines = (count: number, bytes: number): string[] => Array.from({ length: count }, (_, i) => `${i} ${'x'.repeat(bytes)} ${i % 7}`)

async function read(text: string, { from = 0, spaces = 0 } = {}) {
  const path = join(folder, 'file')
  writeFileSync(path, text)
  const got: { readonly line: string; readonly leaf: string }[] = []
  const rest = await eachHashed({ path, from, to: Buffer.byteLength(text), spaces }, ({ bytes, from: start, to }, leaves, at) => {
    got.push({ line: bytes.toString('utf8', start, to), leaf: leaves.toString('hex', at, at + 32) })
  })
  return { got, rest }
}
const expected = (text: string, spaces = 0) => {
  const parts = text.split('\n')
  const rest = Buffer.byteLength(parts.pop()!)
  const got = parts.map(line => ({ line, leaf: leafHash(Buffer.from(line.split(' ').slice(spaces).join(' '))).toString('hex') }))
  return { got, rest }
}

describe('lines of a file with their hashes', () => {
  it.each([
    ['nothing', ''],
    ['one line', 'a\n'],
    ['no line break', 'a'],
    ['empty lines', '\n\na\n\n'],
    ['a torn end', `${lines(100, 50).join('\n')}\n{"half`],
    ['lines over the border of a stretch', `${lines(3, 400_000).join('\n')}\n`],
    ['a line longer than a stretch', `a\n${'é'.repeat(MIB)}\nb\n`],
    ['in a thread: many', `${lines(90_000, 60).join('\n')}\ntorn`],
    ['in a thread: long ones', `${lines(8, MIB * 0.9).join('\n')}\n${'y'.repeat(3 * MIB)}\nz\n`],
  ])('%s', async (_what, text) => {
    expect(await read(text)).toEqual(expected(text))
  })

  it('hashes what stands behind so many spaces, and takes a line without them for something else', async () => {
    const text = '12 hash {"a": 1}\n13 hash \nno-spaces\n\n'
    const { got } = await read(text, { spaces: 2 })
    expect(got.slice(0, 2)).toEqual(expected('12 hash {"a": 1}\n13 hash \n', 2).got)
    expect(got.map(({ line }) => line)).toEqual(['12 hash {"a": 1}', '13 hash ', 'no-spaces', ''])
  })

  it('begins where it is told', async () => {
    expect((await read('head\nline\n', { from: 5 })).got.map(({ line }) => line)).toEqual(['line'])
  })

  it('attack: a line without end fills no memory: it ends the reading, and what stands behind it is rest', async () => {
    const text = `a\n${'x'.repeat(11 * MIB)}\nb\n`
    const { got, rest } = await read(text)
    expect(got.map(({ line }) => line.slice(0, 10))).toEqual(['a'])
    expect(rest).toBe(text.length - 2)
  })

  it.each([
    ['here', 10],
    ['in a thread', 10 * MIB],
  ])('rejects with what reading throws (%s)', async (_where, to) => {
    await expect(eachHashed({ path: join(folder, 'none'), from: 0, to, spaces: 0 }, () => {})).rejects.toThrow(/ENOENT/)
  })

  it('rejects with what the caller throws, and the thread ends', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, `${lines(90_000, 60).join('\n')}\n`)
    const read = eachHashed({ path, from: 0, to: 5 * MIB, spaces: 0 }, () => {
      throw new Error('enough')
    })
    await expect(read).rejects.toThrow('enough')
  })
})
