// Export bundles and the pass over a log: what is whole verifies, whatever is done to one is found and named, and what an attacker with the log's own key can do
// is found by what somebody else keeps.

import fc from 'fast-check'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyBundle, type Verified } from '../../src/adapters/audit/bundle-file.ts'
import { BundleEvents, endOfHead, readBundleHead } from '../../src/audit/bundle.ts'
import { openCheckpoint, type OpenCheckpoint } from '../../src/audit/checkpoint.ts'
import { Frontier, leafHash } from '../../src/audit/tree.ts'
import { Findings, LogVerifier, type Finding } from '../../src/audit/verify.ts'
import { eventAt, eventOf, makeBundle, names, WITNESS, type Bundle } from '../support/bundles.ts'
import { seededKey, SignedLog } from '../support/signed-log.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'bundle-'))))
afterEach(() => rmSync(folder, { recursive: true }))

type Result = { readonly verified: Verified | undefined; readonly findings: readonly Finding[] }
async function verify(bytes: Buffer, { log }: Bundle, external: readonly string[] = []): Promise<Result> {
  const path = join(folder, 'bundle')
  writeFileSync(path, bytes)
  const findings = new Findings()
  const verified = await verifyBundle(path, () => log.identity, { witnesses: [WITNESS], external }, findings)
  return { verified, findings: findings.list }
}

/** The same in memory, for many: checkpoints are opened once, since any change in the head is found before one is looked at. */
function quickly({ log }: Bundle): (bytes: Buffer) => readonly Finding[] {
  const opened = new Map<string, OpenCheckpoint>()
  return bytes => {
    const findings = new Findings()
    const found = readBundleHead(bytes)
    if (typeof found === 'string') return [{ is: 'file', where: 'head', why: found }]
    const checkpoints = found.head.checkpoints.map(note => {
      const known = opened.get(note) ?? (openCheckpoint(note, log.identity, [WITNESS]) as OpenCheckpoint)
      opened.set(note, known)
      return known
    })
    const verifier = new LogVerifier({ before: found.head.before, checkpoints, findings })
    const events = new BundleEvents(found.head, verifier, findings)
    let at = found.end
    for (let end = bytes.indexOf(10, at); end >= 0; end = bytes.indexOf(10, at)) {
      events.line(bytes.subarray(at, end))
      at = end + 1
    }
    events.end(bytes.length - at)
    verifier.end()
    return findings.list
  }
}
const spliced = (bytes: Buffer, at: number, remove: number, ...put: number[]): Buffer =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(put), bytes.subarray(at + remove)])

describe('a bundle', () => {
  it.each([
    [[1], 0],
    [[20], 0],
    [[7, 13, 20], 0],
    [[7, 13, 300], 5],
    [[256, 512], 256],
    [[600], 599],
  ])('with checkpoints of %j from event %d on verifies', async (sizes, from) => {
    const bundle = makeBundle(sizes, from)
    const { verified, findings } = await verify(bundle.bytes, bundle)
    expect(findings).toEqual([])
    expect(verified).toMatchObject({ from, size: sizes.at(-1) })
    expect(verified?.matched.map(({ size }) => size)).toEqual(sizes.filter(size => size >= from))
    expect(verified?.matched.at(-1)?.witnesses).toEqual([{ name: WITNESS.name, time: 1_790_000_000 }])
  })

  it('attack: every single byte, changed in every bit, is found, and the event that it belongs to is named', () => {
    const bundle = makeBundle([4, 7, 12], 2)
    const find = quickly(bundle)
    expect(find(bundle.bytes)).toEqual([])
    for (let at = 0; at < bundle.bytes.length; at += 1) {
      const seq = eventAt(bundle, at)
      for (let bit = 0; bit < 8; bit += 1) {
        const findings = find(spliced(bundle.bytes, at, 1, bundle.bytes[at]! ^ (1 << bit)))
        if (seq === undefined) expect(findings, `byte ${at}`).not.toEqual([])
        else expect(names(findings, seq), `byte ${at} of event ${seq}, bit ${bit}: ${JSON.stringify(findings)}`).toBe(true)
      }
    }
  })

  it('attack: every single byte taken away, doubled, or with a line break put before it is found and named', () => {
    const bundle = makeBundle([4, 7, 12], 2)
    const find = quickly(bundle)
    for (let at = 0; at < bundle.bytes.length; at += 1) {
      const seq = eventAt(bundle, at)
      const byte = bundle.bytes[at]!
      for (const changed of [spliced(bundle.bytes, at, 1), spliced(bundle.bytes, at, 0, byte), spliced(bundle.bytes, at, 0, 10)]) {
        const findings = find(changed)
        expect(findings, `byte ${at}`).not.toEqual([])
        // a line break at the very beginning of a line is an empty line before it
        if (seq !== undefined)
          expect(
            [seq - 1, seq, seq + 1].some(near => names(findings, near)),
            `byte ${at}: ${JSON.stringify(findings)}`,
          ).toBe(true)
      }
    }
  })

  it('attack: cut off anywhere', () => {
    const bundle = makeBundle([4, 7, 12])
    const find = quickly(bundle)
    for (let length = 0; length < bundle.bytes.length; length += 1)
      expect(find(bundle.bytes.subarray(0, length)), `at ${length}`).not.toEqual([])
  })

  it('attack: any other bytes in place of any part', () => {
    const bundle = makeBundle([4, 7, 12])
    const find = quickly(bundle)
    fc.assert(
      fc.property(fc.nat(bundle.bytes.length - 1), fc.nat(200), fc.uint8Array({ maxLength: 200 }), (at, remove, put) => {
        const changed = spliced(bundle.bytes, at, remove, ...put)
        if (!changed.equals(bundle.bytes)) expect(find(changed)).not.toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  describe('with what whoever has no key would do', () => {
    const bundle = makeBundle([40, 70, 100])
    /** Events with their hashes made anew, as whoever can compute SHA-256 does. */
    const rewritten = (change: (lines: string[]) => void): Buffer => {
      const lines = [...bundle.lines]
      change(lines)
      const body = lines.map((line, i) => `${i} ${leafHash(Buffer.from(line)).toString('base64')} ${line}\n`)
      return Buffer.concat([bundle.bytes.subarray(0, bundle.headBytes), Buffer.from(`${body.join('')}end\n`)])
    }
    it.each<[string, (lines: string[]) => void, [number, number]]>([
      ['changed', lines => void (lines[55] = eventOf(999)), [40, 70]],
      ['swapped', lines => void ([lines[10], lines[11]] = [lines[11]!, lines[10]!]), [0, 40]],
      ['put in', lines => void lines.splice(80, 0, eventOf(999)), [70, 100]],
      ['taken away', lines => void lines.splice(80, 1), [70, 100]],
      ['cut off', lines => void lines.splice(90), [70, 100]],
    ])('attack: an event that was %s, its hash made anew, is between two checkpoints', async (_what, change, [from, to]) => {
      const { findings } = await verify(rewritten(change), bundle)
      expect(findings).toContainEqual(expect.objectContaining({ is: 'events', from, to }))
    })

    it('attack: with the event alone changed exactly that one is named, and what follows still verifies', async () => {
      const text = bundle.bytes.toString().replace(eventOf(55), eventOf(56))
      const { findings, verified } = await verify(Buffer.from(text), bundle)
      expect(findings).toEqual([{ is: 'event', seq: 55, why: 'it is not the event that was signed' }])
      expect(verified?.matched.map(({ size }) => size)).toEqual([40, 70, 100])
    })

    it('attack: with the hash alone changed it is said that the event is true', async () => {
      const leaf = bundle.log.leaves[55]!.toString('base64')
      const { findings } = await verify(
        Buffer.from(bundle.bytes.toString().replace(leaf, bundle.log.leaves[56]!.toString('base64'))),
        bundle,
      )
      expect(findings).toEqual([
        { is: 'event', seq: 55, why: expect.stringContaining('the event itself is the one that was signed') as string },
      ])
    })

    it('attack: checkpoints of another key, and of another log', async () => {
      const other = makeBundle([40, 70, 100])
      const { findings } = await verify(bundle.bytes, { ...other, log: new SignedLog(bundle.log.origin, seededKey(9)) })
      expect(findings.length).toBeGreaterThanOrEqual(3)
      expect(findings[0]).toMatchObject({ is: 'file', where: expect.stringContaining('checkpoint 1') as string })
      expect((await verify(bundle.bytes, { ...bundle, log: new SignedLog('other/1') })).findings).not.toEqual([])
    })
  })

  describe('with what whoever has the log’s key would do', () => {
    const honest = makeBundle([40, 70, 100])
    // the same log, rewritten from event 55 on, every hash and every checkpoint made anew
    const forged = (() => {
      const lines = [...honest.lines]
      lines[55] = eventOf(999)
      const log = new SignedLog()
      log.leaves.push(...lines.map(line => leafHash(Buffer.from(line))))
      return log
    })()

    it('documented limit: with nothing kept elsewhere a log rewritten with its own key verifies', () => {
      const verifier = new LogVerifier({
        before: new Frontier(),
        checkpoints: [40, 70, 100].map(size => openCheckpoint(forged.checkpoint(size).note, forged.identity) as OpenCheckpoint),
        findings: new Findings(),
      })
      for (const leaf of forged.leaves) verifier.leaf(leaf)
      verifier.end()
      expect(verifier.matched).toHaveLength(3)
    })

    it.each([70, 60])('attack: a log that was rewritten is found by a checkpoint of %d kept elsewhere, and from where on', size => {
      const findings = new Findings()
      const checkpoints = [forged.checkpoint(40), forged.checkpoint(70), forged.checkpoint(100), honest.log.checkpoint(size)]
      const verifier = new LogVerifier({
        before: new Frontier(),
        checkpoints: checkpoints.map(({ note }) => openCheckpoint(note, forged.identity) as OpenCheckpoint),
        findings,
      })
      for (const leaf of forged.leaves) verifier.leaf(leaf)
      verifier.end()
      expect(findings.list).toEqual([{ is: 'checkpoint', size, why: expect.stringMatching(/from 40 on .* two histories/) as string }])
    })

    it('attack: a log that was rolled back is found by a larger checkpoint kept elsewhere', async () => {
      const old = makeBundle([40, 70])
      const { findings } = await verify(old.bytes, old, [honest.log.checkpoint(100).note])
      expect(findings).toEqual([{ is: 'events', from: 70, to: 100, why: expect.stringContaining('there are 70') as string }])
    })
  })

  it('attack: a head that says more than there is, or has no end, is none', () => {
    const { bytes, headBytes } = makeBundle([4])
    expect(endOfHead(bytes)).toBe(headBytes)
    expect(endOfHead(bytes.subarray(0, headBytes - 1))).toBeUndefined()
    const text = bytes.toString('utf8', 0, headBytes)
    for (const changed of [
      text.replace('from 0', 'from 1'),
      text.replace('to 4', 'to 04'),
      text.replace('from 0', 'from -1'),
      text.replace(/checkpoint \d+/, 'checkpoint 99999999'),
      text.replace('origin ', 'origin'),
      'x'.repeat(10_000),
      '',
    ])
      expect(readBundleHead(Buffer.from(changed))).toBeTypeOf('string')
  })
})
