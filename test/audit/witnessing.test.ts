// C2SP tlog-witness: every answer of the specification, and that a witness signs no two histories, whoever asks in whatever order.

import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { checkpointText, openCheckpoint } from '../../src/audit/checkpoint.ts'
import { noteKey, signatureLine } from '../../src/audit/note.ts'
import {
  addCheckpointText,
  MAX_ADD_BYTES,
  readAddCheckpoint,
  readCosignature,
  witness,
  type WitnessAnswer,
  type WitnessParts,
} from '../../src/audit/witnessing.ts'
import { MemoryWitness } from '../support/memory-witness.ts'
import { seededKey, SignedLog } from '../support/signed-log.ts'

const NOW = Date.UTC(2026, 6, 28)
const signer = { name: 'witness.example/w1', privateKey: seededKey(2) }
const witnessKey = noteKey(signer.name, 0x04, signer.privateKey)
let log: SignedLog
let memory: MemoryWitness
let parts: WitnessParts
beforeEach(() => {
  log = new SignedLog().grow(20)
  memory = new MemoryWitness()
  parts = { logs: new Map([[log.origin, log.identity]]), signer, memory, now: () => NOW }
})
const add = (from: SignedLog, old: number, size: number, proof = from.prove(Math.min(old, size), size)): WitnessAnswer =>
  witness(addCheckpointText({ old, proof, checkpoint: from.checkpoint(size).note }), parts)

describe('a witness', () => {
  it('cosigns the first checkpoint, and what goes on from it', () => {
    for (const [old, size] of [
      [0, 5],
      [5, 5],
      [5, 20],
    ] as const) {
      // prettier-ignore
      const answer = add(log, old, size)
      if (answer.status !== 200) throw new Error(`got ${answer.status}`)
      const { note } = log.checkpoint(size)
      expect(openCheckpoint(note + answer.lines, log.identity, [witnessKey])).toMatchObject({
        size,
        witnesses: [{ name: signer.name, time: NOW / 1000 }],
      })
      expect(memory.latest(log.origin)?.note).toBe(note + answer.lines)
      expect(readCosignature(answer.lines, checkpointText(log.checkpoint(size)), witnessKey)).toMatchObject({ time: NOW / 1000 })
    }
  })

  it('tells whoever does not know where it stands', () => {
    add(log, 0, 5)
    for (const old of [0, 4, 6, 7]) expect(add(log, old, 7, [])).toEqual({ status: 409, size: 5 })
    expect(add(log, 0, 3, [])).toEqual({ status: 409, size: 5 })
    expect(add(log, 3, 3, [])).toEqual({ status: 409, size: 5 })
  })

  it('attack: another log, another key, an old size above the new one', () => {
    expect(add(new SignedLog('other.example/1').grow(3), 0, 3)).toMatchObject({ status: 404 })
    expect(add(new SignedLog(log.origin, seededKey(3)).grow(3), 0, 3)).toMatchObject({ status: 403 })
    const unknown = new SignedLog(log.origin, seededKey(3)).grow(3)
    // a true signature beside one of a stranger counts
    const { note } = log.checkpoint(3)
    const both = note + signatureLine(checkpointText(log.checkpoint(3)), { name: log.origin, privateKey: unknown.privateKey })
    expect(witness(addCheckpointText({ old: 0, proof: [], checkpoint: both }), parts)).toMatchObject({ status: 200 })
    expect(memory.latest(log.origin)?.note).not.toContain(both.slice(note.length))
    expect(add(log, 6, 5, [])).toMatchObject({ status: 400 })
  })

  it('attack: a fork of one size is a contradiction, wherever it stands, and both notes are kept to prove it', () => {
    add(log, 0, 5)
    add(log, 5, 10)
    const fork = log.fork(3).grow(10, 'other')
    for (const [old, size, status] of [
      [10, 10, 422],
      [0, 10, 409],
      [5, 5, 409],
      [0, 5, 409],
    ] as const) {
      // prettier-ignore
      const answer = add(fork, old, size, [])
      expect(answer).toMatchObject({
        status,
        refused: { is: 'contradiction', origin: log.origin, seen: { size }, got: fork.checkpoint(size).note },
      })
    }
    expect(memory.latest(log.origin)).toMatchObject({ size: 10, root: log.root(10) })
  })

  it('attack: a fork of another size cannot be shown to go on', () => {
    add(log, 0, 10)
    const fork = log.fork(9).grow(6, 'other')
    expect(add(fork, 10, 15)).toMatchObject({ status: 422, refused: { is: 'unproven', seen: { size: 10 } } })
    expect(add(log, 10, 15, log.prove(9, 15))).toMatchObject({ status: 422 })
    expect(add(log, 10, 15, [])).toMatchObject({ status: 422 })
    expect(add(log, 10, 15)).toMatchObject({ status: 200 })
  })

  it('attack: junk with the checkpoint that was seen is evidence of nothing', () => {
    const first = add(log, 0, 5, [log.root(5)]) // a false proof where nothing was seen yet
    expect(first).toMatchObject({ status: 422 })
    add(log, 0, 10)
    const seen = add(log, 10, 10, [log.root(5)])
    expect(seen).toMatchObject({ status: 422 })
    for (const answer of [first, seen]) expect(answer).not.toHaveProperty('refused')
  })

  it('attack: lines of strangers beside a fork, and its own line twice, make no other evidence of it', () => {
    add(log, 0, 10)
    const { note } = log.fork(9).grow(6, 'other').checkpoint(15)
    const text = note.slice(0, note.lastIndexOf('\n\n') + 1)
    const strangers = [3, 4].map(seed => signatureLine(text, { name: 'stranger', privateKey: seededKey(seed) }))
    for (const checkpoint of [note, ...strangers.map(line => note + line), note + note.slice(text.length + 1)])
      expect(witness(addCheckpointText({ old: 10, proof: [], checkpoint }), parts)).toMatchObject({
        refused: { is: 'unproven', tree: { size: 15 }, got: note },
      })
  })

  it('attack: a proof where there is nothing to prove', () => {
    expect(add(log, 0, 5, [log.root(5)])).toMatchObject({ status: 422 })
    add(log, 0, 5)
    expect(add(log, 5, 5, [log.root(5)])).toMatchObject({ status: 422 })
  })

  it('attack: a tree of no events with a root of its own', () => {
    const empty = new SignedLog()
    expect(add(empty, 0, 0)).toMatchObject({ status: 200 })
    const lie = new SignedLog()
    lie.root = () => Buffer.alloc(32, 7)
    expect(add(lie, 0, 0, [])).toMatchObject({ status: 422 })
  })

  it('attack: nothing is signed when it cannot be remembered', () => {
    memory.advance = () => {
      throw new Error('disk full')
    }
    expect(() => add(log, 0, 5)).toThrow('disk full')
    memory.advance = () => false
    expect(add(log, 0, 5)).toEqual({ status: 409, size: 0 })
  })

  it('law: of any requests in any order, everything that was signed is one history', () => {
    const forks = [log, log.fork(4).grow(16, 'a'), log.fork(11).grow(9, 'b')]
    const step = fc.record({ which: fc.nat(2), old: fc.nat(20), size: fc.integer({ min: 1, max: 20 }), honest: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), steps => {
        memory = new MemoryWitness()
        parts = { ...parts, memory }
        const signed: { which: number; size: number }[] = []
        for (const { which, old, size, honest } of steps) {
          const from = forks[which]!
          const at = honest ? (memory.latest(log.origin)?.size ?? 0) : old
          if (at > size) continue
          if (add(from, at, size).status === 200) signed.push({ which, size })
        }
        for (const [i, a] of signed.entries()) {
          const b = signed[i + 1]
          if (b === undefined) continue
          expect(b.size).toBeGreaterThanOrEqual(a.size)
          expect(forks[b.which]!.root(a.size)).toEqual(forks[a.which]!.root(a.size))
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('requests', () => {
  it('reads the example of the specification', () => {
    const body =
      'old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\n' +
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n'
    const request = readAddCheckpoint(body)
    expect(request).toMatchObject({ old: 20_852_014 })
    if (typeof request !== 'string') expect(addCheckpointText(request)).toBe(body)
    expect(witness(body, parts)).toMatchObject({ status: 404 })
  })

  it.each([
    ['nothing', ''],
    ['no old size', '\n\nx'],
    ['a leading zero', 'old 05\n\nx'],
    ['a negative size', 'old -5\n\nx'],
    ['a size that is too large', 'old 9007199254740993\n\nx'],
    ['no blank line', 'old 5\nx'],
    ['a hash that is none', 'old 5\nabc\n\nx'],
    ['64 hashes', `old 5\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}\nx`],
    ['too much', `old 5\n\n${'x'.repeat(MAX_ADD_BYTES)}`],
    ['no checkpoint', 'old 5\n\n'],
    ['a note that is no checkpoint', 'old 5\n\na\n\n— a AAAAAAECAwQ=\n'],
  ])('attack: %s is answered with 400', (_what, body) => {
    expect(witness(body, parts)).toMatchObject({ status: 400 })
  })

  it('answers whatever comes', () => {
    const { note } = log.checkpoint(5)
    const good = addCheckpointText({ old: 0, proof: [], checkpoint: note })
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(good.length), fc.string({ unit: 'binary-ascii' }), (from, to, put) => {
        parts = { ...parts, memory: new MemoryWitness() }
        const changed = good.slice(0, Math.min(from, to)) + put + good.slice(Math.max(from, to))
        const answer = witness(changed, parts)
        if (answer.status === 200) expect(readAddCheckpoint(changed)).toMatchObject({ old: 0, proof: [] })
      }),
    )
  })
})

describe('answers', () => {
  const text = 'a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n'
  it.each([
    ['nothing', ''],
    ['words', 'ok\n'],
    ['a stranger’s signature', '— witness.example/w1 AAAAAAECAwQ=\n'],
    ['a plain signature by its key', signatureLine(text, signer)],
    ['too much', 'x'.repeat(70_000)],
  ])('attack: %s is no cosignature', (_what, answer) => {
    expect(readCosignature(answer, text, witnessKey)).toBeTypeOf('string')
  })
})
