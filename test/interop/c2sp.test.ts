// Checkpoints and proofs of ours, held against an implementation that shares no line with ours: Go's checksum database (golang.org/x/mod/sumdb), which C2SP's
// note, checkpoint and tlog formats come from. And what it makes, held against ours. Needs Go and Debian's golang-golang-x-mod-dev; says so where they are not.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KeptLog } from '../../src/adapters/audit/kept-log.ts'
import { openCheckpoint, type LogIdentity, type OpenCheckpoint } from '../../src/audit/checkpoint.ts'
import { readVkey, vkeyOf } from '../../src/audit/note.ts'
import { proofText, readHashes, verifyProof } from '../../src/audit/proof.ts'
import { inclusionProof, verifyConsistency } from '../../src/audit/tree.ts'
import { signedLog } from '../support/gateway-log.ts'
import { nodesOver, SignedLog } from '../support/signed-log.ts'

const GO = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' }
const probe = spawnSync('go', ['list', 'golang.org/x/mod/sumdb/note', 'golang.org/x/mod/sumdb/tlog'], { env: GO, encoding: 'utf8' })
const why = probe.error ? 'Go is not installed' : probe.status === 0 ? undefined : 'golang.org/x/mod is not installed'
if (why !== undefined) console.log(`${why}: nothing is compared with Go's checksum database`)

type Answer = {
  readonly error: string
  readonly vkey: string
  readonly checkpoint: string
  readonly smaller: string
  readonly proof: string
  readonly hashes: string[]
}

describe.skipIf(why !== undefined)('Go’s checksum database', () => {
  let folder: string
  let program: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'interop-'))
    program = join(folder, 'c2sp')
    execFileSync('go', ['build', '-o', program, join(import.meta.dirname, 'c2sp.go')], { env: { ...GO, GOCACHE: join(folder, 'cache') } })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const go = (asks: readonly object[]): Answer[] =>
    execFileSync(program, { input: asks.map(ask => `${JSON.stringify(ask)}\n`).join(''), encoding: 'utf8', maxBuffer: 1 << 26 })
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Answer)
  const ours = new SignedLog().grow(300)
  const nodes = nodesOver(ours.leaves)
  const vkey = vkeyOf(ours.key)
  const event = (seq: number): string => `event ${seq}`

  it('takes our proof of every event of trees of many sizes, and none of another event or number', () => {
    const sizes = [1, 2, 3, 7, 8, 9, 64, 100, 255, 256, 257, 300]
    const proofs = sizes.flatMap(size => {
      const checkpoint = ours.checkpoint(size).note
      return Array.from({ length: size }, (_, seq) => ({
        seq,
        proof: proofText({ seq, hashes: inclusionProof(seq, size, nodes), checkpoint }),
      }))
    })
    const answers = go(proofs.map(({ seq, proof }) => ({ do: 'include', vkey, proof, event: event(seq) })))
    expect(answers).toHaveLength(proofs.length)
    expect(answers.filter(({ error }) => error !== '')).toEqual([])
    const wrong = go(proofs.map(({ seq, proof }) => ({ do: 'include', vkey, proof, event: event(seq + 1) })))
    expect(wrong.filter(({ error }) => error === '')).toEqual([])
    const moved = go(
      proofs
        .slice(3)
        .map(({ seq, proof }) => ({ do: 'include', vkey, proof: proof.replace(/index \d+/, `index ${seq + 1}`), event: event(seq) })),
    )
    expect(moved.filter(({ error }) => error === '')).toEqual([])
  })

  it('takes our proofs that a tree goes on from an earlier one, and not for a fork', () => {
    const pairs = Array.from({ length: 60 }, (_, from) => [from + 1, 3 * from + 2] as const)
    const asks = pairs.map(([from, to]) => ({
      ...{ do: 'extend', vkey, older: ours.checkpoint(from).note, newer: ours.checkpoint(to).note },
      hashes: ours.prove(from, to).map(hash => Buffer.from(hash).toString('base64')),
    }))
    expect(go(asks).map(({ error }) => error)).toEqual(asks.map(() => ''))
    const fork = ours.fork(40).grow(60, 'other')
    const [forked] = go([
      {
        do: 'extend',
        vkey,
        older: ours.checkpoint(50).note,
        newer: fork.checkpoint(100).note,
        hashes: fork.prove(50, 100).map(hash => Buffer.from(hash).toString('base64')),
      },
    ])
    expect(forked?.error).not.toBe('')
  })

  it('takes the proof of an event that a gateway’s own log wrote and signed', async () => {
    const dataDir = join(folder, 'data')
    await signedLog(dataDir, encoder => Array.from({ length: 20 }, () => encoder.lifecycle('start')))
    const log = KeptLog.open(join(dataDir, 'audit'))
    try {
      const { event: line, proof } = log.prove(7)
      const [whole, changed] = go([
        { do: 'include', vkey: log.vkeys[0], proof, event: line },
        { do: 'include', vkey: log.vkeys[0], proof, event: line.replace('start', 'stop!') },
      ])
      expect(whole?.error).toBe('')
      expect(changed?.error).not.toBe('')
    } finally {
      log.close()
    }
  })

  it('makes checkpoints and proofs that ours takes', () => {
    const events = Array.from({ length: 90 }, (_, i) => `{"n":${i}}`)
    for (const [size, at] of [
      [1, 0],
      [33, 50],
      [64, 89],
      [89, 63],
    ] as const) {
      const [made] = go([{ do: 'make', origin: 'go.example/log', events, size, at }])
      const key = readVkey(made!.vkey)
      if (typeof key === 'string') throw new Error(key)
      const log: LogIdentity = { origin: 'go.example/log', keys: [key] }
      expect(verifyProof(made!.proof, Buffer.from(events[at]!), log)).toMatchObject({ seq: at, checkpoint: { size: 90 } })
      expect(verifyProof(made!.proof, Buffer.from(events[at]! + ' '), log)).toEqual(expect.any(String))
      const open = (note: string): OpenCheckpoint => {
        const opened = openCheckpoint(note, log)
        if (typeof opened === 'string') throw new Error(opened)
        return opened
      }
      expect(verifyConsistency(open(made!.smaller), open(made!.checkpoint), readHashes(made!.hashes)!)).toBe(true)
    }
  })
})
