// RFC 6962 by its published vectors (transparency-dev/merkle, which has them from Certificate Transparency), by its own words as an oracle, and by laws: what is
// made verifies, and nothing that differs in a bit does.

import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  consistencyProof,
  EMPTY_ROOT,
  Frontier,
  inclusionProof,
  leafHash,
  nodeHash,
  rootAt,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/tree.ts'
import { nodesOver } from '../support/signed-log.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(hex)
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(hex)
/** Leaf counted from 1, size of the tree, proof. */
const INCLUSION: [number, number, string[]][] = [
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [3, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [
    2,
    5,
    [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
]
const CONSISTENCY: [number, number, string[]][] = [
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [
    2,
    5,
    [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
  [
    6,
    7,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
]

/** Section 2.1 of RFC 6962 word for word, over another way to hash. */
const sha = (...parts: Uint8Array[]): Buffer => Buffer.from(hash('sha256', Buffer.concat(parts), 'hex'), 'hex')
function mth(d: readonly Uint8Array[]): Buffer {
  if (d.length === 0) return sha()
  if (d.length === 1) return sha(Buffer.of(0), d[0]!)
  let k = 1
  while (k * 2 < d.length) k *= 2
  return sha(Buffer.of(1), mth(d.slice(0, k)), mth(d.slice(k)))
}
const lines = (n: number): Buffer[] => Array.from({ length: n }, (_, i) => Buffer.from(`{"event":${i}}`))
const peaks = (size: number): number => size.toString(2).replaceAll('0', '').length
const flipped = (bytes: Uint8Array, bit: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[bit >> 3]! ^= 1 << (bit & 7)
  return copy
}

describe('published vectors', () => {
  it('has the root of nothing', () => {
    expect(Buffer.from(EMPTY_ROOT).toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(new Frontier().root()).toEqual(EMPTY_ROOT)
    expect(rootAt(0, nodesOver([]))).toEqual(EMPTY_ROOT)
  })

  it('hashes leaves and nodes apart', () => {
    expect(leafHash(Buffer.alloc(0))).toEqual(ROOTS[0])
    expect(leafHash(Buffer.from('L123456')).toString('hex')).toBe('395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56')
    expect(nodeHash(Buffer.from('N123'.padEnd(32, '\0')), Buffer.from('N456'.padEnd(32, '\0')))).not.toEqual(
      leafHash(Buffer.from('N123'.padEnd(32, '\0') + 'N456'.padEnd(32, '\0'))),
    )
  })

  it.each(ROOTS.map((root, i) => [i + 1, root] as const))('has the root of %d leaves', (size, root) => {
    const leaves = LEAVES.slice(0, size).map(leafHash)
    const byLine = new Frontier()
    for (const line of LEAVES.slice(0, size)) byLine.appendLine(line)
    expect(rootOf(leaves)).toEqual(root)
    expect(byLine.root()).toEqual(root)
    expect(rootAt(size, nodesOver(leaves))).toEqual(root)
  })

  it.each(INCLUSION)('proves leaf %d of %d', (leaf, size, proof) => {
    const hashes = proof.map(hex)
    expect(inclusionProof(leaf - 1, size, nodesOver(LEAVES.map(leafHash)))).toEqual(hashes)
    expect(verifyInclusion(leaf - 1, leafHash(LEAVES[leaf - 1]!), hashes, { size, root: ROOTS[size - 1]! })).toBe(true)
  })

  it.each(CONSISTENCY)('proves that %d leads to %d', (from, to, proof) => {
    const hashes = proof.map(hex)
    expect(consistencyProof(from, to, nodesOver(LEAVES.map(leafHash)))).toEqual(hashes)
    expect(verifyConsistency({ size: from, root: ROOTS[from - 1]! }, { size: to, root: ROOTS[to - 1]! }, hashes)).toBe(true)
  })
})

describe('laws', () => {
  it('has the roots that RFC 6962 defines, however long the lines', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 70 }), data => {
        expect(rootOf(data.map(leafHash))).toEqual(mth(data))
      }),
    )
    const long = Buffer.alloc(200_000, 7)
    expect(leafHash(long)).toEqual(mth([long]))
    const frontier = new Frontier()
    frontier.appendLine(long)
    expect(frontier.root()).toEqual(mth([long]))
  })

  it('is the same frontier after a snapshot, at every size, and none from a snapshot of another size', () => {
    const leaves = lines(300).map(leafHash)
    let frontier = new Frontier()
    for (let size = 0; size < leaves.length; size += 1) {
      expect(frontier.root()).toEqual(rootAt(size, nodesOver(leaves)))
      const snapshot = frontier.snapshot()
      if (peaks(size + 1) !== peaks(size)) expect(Frontier.restore(size + 1, snapshot)).toBeUndefined()
      frontier = Frontier.restore(size, snapshot)!
      expect(frontier.size).toBe(size)
      frontier.append(leaves[size]!)
    }
    expect(Frontier.restore(-1, Buffer.alloc(0))).toBeUndefined()
    expect(Frontier.restore(1.5, Buffer.alloc(32))).toBeUndefined()
    expect(Frontier.restore(3, Buffer.alloc(63))).toBeUndefined()
    expect(() => frontier.append(Buffer.alloc(31))).toThrow(RangeError)
  })

  it('counts beyond 32 bits', () => {
    const size = 2 ** 40 + 2 ** 33 + 1
    const roots = [1, 2, 3].map(n => leafHash(Buffer.of(n)))
    const frontier = Frontier.restore(size, Buffer.concat(roots))!
    const leaf = leafHash(Buffer.of(4))
    frontier.append(leaf)
    expect(frontier.size).toBe(size + 1)
    expect(frontier.snapshot()).toEqual(Buffer.concat([roots[0]!, roots[1]!, nodeHash(roots[2]!, leaf)]))
  })

  it('every proof of every tree up to 70 leaves verifies, and none stands for another leaf, place or size', () => {
    const data = lines(70)
    const leaves = data.map(leafHash)
    const nodeAt = nodesOver(leaves)
    for (let size = 1; size <= leaves.length; size += 1) {
      const root = rootAt(size, nodeAt)
      for (let seq = 0; seq < size; seq += 1) {
        const proof = inclusionProof(seq, size, nodeAt)
        expect(verifyInclusion(seq, leaves[seq]!, proof, { size, root })).toBe(true)
        const other = (seq + 1) % size
        if (other !== seq) {
          expect(verifyInclusion(other, leaves[seq]!, proof, { size, root })).toBe(false)
          expect(verifyInclusion(seq, leaves[other]!, proof, { size, root })).toBe(false)
        }
        expect(verifyInclusion(seq, leaves[seq]!, [...proof, root], { size, root })).toBe(false)
        expect(verifyInclusion(seq, leaves[seq]!, proof.slice(1), { size, root })).toBe(size === 1)
      }
      for (let from = 0; from <= size; from += 1) {
        const first = { size: from, root: rootAt(from, nodeAt) }
        const proof = consistencyProof(from, size, nodeAt)
        expect(verifyConsistency(first, { size, root }, proof)).toBe(true)
        expect(verifyConsistency(first, { size, root }, [...proof, root])).toBe(false)
        if (from > 0 && from < size) {
          expect(verifyConsistency(first, { size, root }, proof.slice(0, -1))).toBe(false)
          expect(verifyConsistency({ size: from, root: flipped(first.root, 1) }, { size, root }, proof)).toBe(false)
          expect(verifyConsistency(first, { size, root: flipped(root, 200) }, proof)).toBe(false)
        }
      }
    }
  })

  it('attack: a proof with any single bit changed proves nothing', () => {
    const leaves = lines(300).map(leafHash)
    const nodeAt = nodesOver(leaves)
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), (size, a, b) => {
        const root = rootAt(size, nodeAt)
        const seq = a % size
        const proof = inclusionProof(seq, size, nodeAt)
        const at = b % proof.length
        const bit = (a ^ b) % 256
        expect(verifyInclusion(seq, leaves[seq]!, proof.with(at, flipped(proof[at]!, bit)), { size, root })).toBe(false)
        expect(verifyInclusion(seq, flipped(leaves[seq]!, bit), proof, { size, root })).toBe(false)
        expect(verifyInclusion(seq, leaves[seq]!, proof, { size, root: flipped(root, bit) })).toBe(false)
        const from = 1 + (b % (size - 1))
        const first = { size: from, root: rootAt(from, nodeAt) }
        const path = consistencyProof(from, size, nodeAt)
        const part = a % path.length
        expect(verifyConsistency(first, { size, root }, path.with(part, flipped(path[part]!, bit)))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  it('attack: sizes and indexes that are none, and hashes of other lengths, are refused', () => {
    const root = ROOTS[0]!
    const tree = { size: 1, root }
    for (const seq of [-1, 1, 0.5, Number.NaN, 2 ** 53]) expect(verifyInclusion(seq, root, [], tree)).toBe(false)
    expect(verifyInclusion(0, root.subarray(1), [], { size: 1, root: root.subarray(1) })).toBe(false)
    expect(verifyInclusion(0, root, [Buffer.alloc(0)], tree)).toBe(false)
    expect(verifyInclusion(0, root, Array<Buffer>(64).fill(root), { size: 2 ** 53 - 1, root })).toBe(false)
    for (const size of [-1, 0.5, Number.NaN]) expect(verifyConsistency({ size, root }, tree, [])).toBe(false)
    expect(verifyConsistency({ size: 2, root }, tree, [])).toBe(false)
    expect(verifyConsistency({ size: 1, root: Buffer.alloc(0) }, { size: 2, root: Buffer.alloc(0) }, [root])).toBe(false)
    expect(verifyConsistency({ size: 3, root }, { size: 5, root }, [])).toBe(false)
    // a first tree without leaves has one root only
    expect(verifyConsistency({ size: 0, root }, tree, [])).toBe(false)
    expect(verifyConsistency({ size: 0, root: EMPTY_ROOT }, tree, [root])).toBe(false)
    const nodeAt = nodesOver([root])
    expect(() => inclusionProof(1, 1, nodeAt)).toThrow(RangeError)
    expect(() => consistencyProof(2, 1, nodeAt)).toThrow(RangeError)
  })
})
