// A log in memory that grows, signs and proves, and can be made to lie: what witnesses and verifiers are shown.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { signCheckpoint, type LogIdentity } from '../../src/audit/checkpoint.ts'
import { noteKey, type NoteKey } from '../../src/audit/note.ts'
import { consistencyProof, inclusionProof, leafHash, nodeHash, rootAt, type NodeAt } from '../../src/audit/tree.ts'

/** Ed25519 of a fixed seed. */
export const seededKey = (seed: number): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)]),
    format: 'der',
    type: 'pkcs8',
  })

/** Complete subtrees over these leaf hashes, as a store of tiles has them. */
export function nodesOver(leaves: readonly Uint8Array[]): NodeAt {
  const levels: Uint8Array[][] = [[...leaves]]
  for (let below = levels[0]!; below.length > 1; below = levels.at(-1)!)
    levels.push(Array.from({ length: Math.floor(below.length / 2) }, (_, i) => nodeHash(below[2 * i]!, below[2 * i + 1]!)))
  return (level, index) => {
    const found = levels[level]?.[index]
    if (found === undefined) throw new Error(`no subtree ${level}/${index}`)
    return found
  }
}

export class SignedLog {
  readonly origin: string
  readonly privateKey: KeyObject
  readonly key: NoteKey
  readonly identity: LogIdentity
  readonly leaves: Buffer[]

  constructor(origin = 'gatehouse.example/0badcafe', privateKey = seededKey(1), leaves: readonly Buffer[] = []) {
    this.origin = origin
    this.privateKey = privateKey
    this.key = noteKey(origin, 0x01, privateKey)
    this.identity = { origin, keys: [this.key] }
    this.leaves = [...leaves]
  }

  /** `word` tells histories apart. */
  grow(count: number, word = 'event'): this {
    for (let i = 0; i < count; i += 1) this.leaves.push(leafHash(Buffer.from(`${word} ${this.leaves.length}`)))
    return this
  }

  /** The same name and key with the first leaves alone: a copy that goes its own way from there. */
  fork(size: number): SignedLog {
    return new SignedLog(this.origin, this.privateKey, this.leaves.slice(0, size))
  }

  root(size = this.leaves.length): Buffer {
    return rootAt(size, nodesOver(this.leaves))
  }

  checkpoint(size = this.leaves.length) {
    const tree = { origin: this.origin, size, root: this.root(size) }
    return { ...tree, note: signCheckpoint(tree, this.privateKey) }
  }

  prove(from: number, to: number): Uint8Array[] {
    return consistencyProof(from, to, nodesOver(this.leaves))
  }

  include(seq: number, size = this.leaves.length): Uint8Array[] {
    return inclusionProof(seq, size, nodesOver(this.leaves))
  }
}
