// `gatehouse audit verify` as whoever checks somebody else's log uses it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { proofText } from '../../src/audit/proof.ts'
import { noteKey, vkeyOf } from '../../src/audit/note.ts'
import { eventOf, makeBundle, WITNESS } from '../support/bundles.ts'
import { seededKey, SignedLog } from '../support/signed-log.ts'
import { gatehouse, type Run } from './io.ts'

let cwd: string
beforeEach(() => void (cwd = mkdtempSync(join(tmpdir(), 'verify-'))))
afterEach(() => rmSync(cwd, { recursive: true }))
const write = (name: string, text: string | Buffer): void => writeFileSync(join(cwd, name), text)
const run = (...argv: string[]): Promise<Run> => gatehouse(['audit', 'verify', ...argv], { cwd })
const bundle = makeBundle([40, 70, 100])
const vkey = vkeyOf(bundle.log.key)

describe('gatehouse audit verify', () => {
  beforeEach(() => write('log.bundle', bundle.bytes))

  it('attack: believes no log by its own key unless told to', async () => {
    expect(await run('log.bundle')).toMatchObject({ code: 2, err: expect.stringContaining('--checkpoint FILE') as string })
    const local = await run('log.bundle', '--unsafe-local')
    expect(local).toMatchObject({
      code: 0,
      out: expect.stringContaining('verified: 100 events of gatehouse.example/0badcafe, from 0 to 99') as string,
    })
    expect(local.out).toContain('give the one you know with --key')
  })

  it('says up to where somebody else vouches', async () => {
    write('kept.txt', bundle.log.checkpoint(70).note)
    const kept = await run('log.bundle', '--checkpoint', 'kept.txt', '--key', vkey)
    expect(kept).toMatchObject({ code: 0 })
    expect(kept.out).toContain('a checkpoint of 70 events kept elsewhere')
    expect(kept.out).toContain('from event 70 on nothing but the log')
    const seen = await run('log.bundle', '--witness', vkeyOf(WITNESS))
    expect(seen).toMatchObject({ code: 0, out: expect.stringContaining('witness.example/w1, of 100 events at 2026-') as string })
    expect(seen.out).not.toContain('nothing but the log')
    expect(JSON.parse((await run('log.bundle', '--witness', vkeyOf(WITNESS), '--json')).out)).toMatchObject({
      ok: true,
      log: { vouched: { size: 100 } },
    })
  })

  it('attack: an event that was changed is named', async () => {
    write('log.bundle', bundle.bytes.toString().replace(eventOf(55), eventOf(56)))
    expect(await run('log.bundle', '--unsafe-local')).toMatchObject({
      code: 1,
      out: 'NOT VERIFIED\nevent 55: it is not the event that was signed\n',
    })
    expect(JSON.parse((await run('log.bundle', '--unsafe-local', '--json')).out)).toMatchObject({
      ok: false,
      findings: [{ is: 'event', seq: 55 }],
    })
  })

  it('attack: a log written anew with its own key, by a checkpoint kept elsewhere', async () => {
    const lines = bundle.lines.map((line, i) => (i === 55 ? eventOf(999) : line))
    const other = new SignedLog().grow(55, 'other').grow(45)
    write('kept.txt', other.checkpoint(70).note)
    expect(lines).toHaveLength(100)
    expect(await run('log.bundle', '--checkpoint', 'kept.txt')).toMatchObject({
      code: 1,
      out: expect.stringContaining('two histories') as string,
    })
    write('kept.txt', new SignedLog(undefined, undefined, bundle.log.leaves).grow(20).checkpoint(120).note)
    expect(await run('log.bundle', '--checkpoint', 'kept.txt')).toMatchObject({
      code: 1,
      out: expect.stringContaining('some are missing') as string,
    })
  })

  it('attack: a witness that did not sign, and a checkpoint that says nothing of these events', async () => {
    const stranger = vkeyOf(noteKey('witness.example/w2', 0x04, seededKey(5)))
    expect(await run('log.bundle', '--witness', stranger)).toMatchObject({
      code: 1,
      out: expect.stringContaining('none of them is signed by the witness') as string,
    })
    const late = makeBundle([70, 100], 60)
    write('late.bundle', late.bytes)
    write('kept.txt', late.log.checkpoint(50).note)
    expect(await run('late.bundle', '--checkpoint', 'kept.txt')).toMatchObject({
      code: 1,
      out: expect.stringContaining('says nothing of these') as string,
    })
    write('kept.txt', new SignedLog(undefined, seededKey(9)).grow(3).checkpoint().note)
    expect(await run('log.bundle', '--checkpoint', 'kept.txt')).toMatchObject({
      code: 1,
      out: expect.stringContaining('kept elsewhere') as string,
    })
  })

  it.each([
    ['of no events', makeBundle([0, 40, 100], 0, undefined, 0), 0],
    ['that ends where the bundle begins', makeBundle([60, 100], 60, undefined, 60), 60],
  ])('attack: a checkpoint %s vouches for nothing, a witness’s or one kept elsewhere', async (_what, { bytes, log }, size) => {
    write('log.bundle', bytes)
    write('kept.txt', log.checkpoint(size).note)
    expect(await run('log.bundle', '--unsafe-local')).toMatchObject({ code: 0 })
    expect(await run('log.bundle', '--witness', vkeyOf(WITNESS))).toMatchObject({
      code: 1,
      out: expect.stringContaining('over any of these events') as string,
    })
    expect(await run('log.bundle', '--checkpoint', 'kept.txt')).toMatchObject({
      code: 1,
      out: expect.stringContaining('says nothing of these') as string,
    })
  })

  it('attack: a witness that signed nothing for a while, as after it was cut off, is not met; how far behind it is, is said', async () => {
    write('log.bundle', makeBundle([40, 100], 0, undefined, 40).bytes)
    const seen = (...argv: string[]): Promise<Run> => run('log.bundle', '--witness', vkeyOf(WITNESS), ...argv)
    const unmet = (age: string) => ({
      code: 1,
      out: expect.stringContaining(
        `events 40 to 99: the witness \`witness.example/w1\` did not sign them, though the first is ${age} old`,
      ) as string,
    })
    expect(await seen()).toMatchObject({ code: 0, out: expect.stringContaining('; 60 came after that, the first 1 s ago\n') as string })
    expect(await seen('--max-behind', '500ms')).toMatchObject(unmet('1 s'))
    expect(await seen('--max-behind', '600ms')).toMatchObject({ code: 0 })
    for (const [at, age] of [
      ['2026-07-29T00:00:00Z', '24 h'],
      ['2026-07-25T00:00:00Z', '3 d'], // before its events: times of the future keep nothing young
    ] as const) {
      expect(await seen('--taken-at', at)).toMatchObject(unmet(age))
      expect(await seen('--taken-at', at, '--max-behind', '4d')).toMatchObject({ code: 0 })
    }
    expect(await seen('--max-behind', 'long')).toMatchObject({ code: 2 })
    // a checkpoint kept elsewhere is of the past by its nature
    write('kept.txt', bundle.log.checkpoint(40).note)
    const kept = await run('log.bundle', '--checkpoint', 'kept.txt', '--taken-at', '2026-07-29T00:00:00Z')
    expect(kept).toMatchObject({ code: 0, out: expect.stringContaining('; 60 came after that, the first 24 h ago') as string })
  })

  it('attack: another key than the one it is known by', async () => {
    const other = vkeyOf(noteKey(bundle.log.origin, 0x01, seededKey(9)))
    expect(await run('log.bundle', '--unsafe-local', '--key', other)).toMatchObject({
      code: 1,
      out: expect.stringContaining('checkpoint 1 of the bundle') as string,
    })
    const elsewhere = vkeyOf(noteKey('other/1', 0x01, seededKey(1)))
    expect(await run('log.bundle', '--unsafe-local', '--key', elsewhere)).toMatchObject({ code: 2 })
  })

  it('says what its command line got wrong', async () => {
    write('empty', '')
    for (const argv of [
      [],
      ['log.bundle', '--key', 'x', '--unsafe-local'],
      ['log.bundle', '--witness', vkey],
      ['log.bundle', '--checkpoint', 'empty'],
      ['--proof', 'x'],
    ])
      expect(await run(...argv)).toMatchObject({ code: 2 })
    expect(await run('empty', '--unsafe-local')).toMatchObject({ code: 1, out: expect.stringContaining('head: line 1') as string })
    expect(await run('nothing', '--unsafe-local')).toMatchObject({ code: 1 })
  })
})

describe('gatehouse audit verify --proof', () => {
  const { log } = bundle
  const note = /\n(gatehouse\.example\/0badcafe\n100\n[^]*?)events /.exec(bundle.bytes.toString())![1]!
  beforeEach(() => {
    write('55.tlog-proof', proofText({ seq: 55, hashes: log.include(55), checkpoint: note }))
    write('55.json', `${eventOf(55)}\n`)
    write('56.json', eventOf(56))
  })
  const one = (event: string, ...more: string[]): Promise<Run> => run('--proof', '55.tlog-proof', '--event', event, '--key', vkey, ...more)

  it('shows that an event is in the log, by its key and by a witness', async () => {
    expect(await one('55.json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('this is event 55 of gatehouse.example/0badcafe') as string,
    })
    expect((await one('55.json')).out).toContain('own key')
    const seen = await one('55.json', '--witness', vkeyOf(WITNESS))
    expect(seen).toMatchObject({ code: 0, out: expect.stringContaining('seen by the witness witness.example/w1 at 2026-') as string })
    expect(JSON.parse((await one('55.json', '--json')).out)).toMatchObject({ ok: true, seq: 55, size: 100 })
  })

  it('attack: not another event, and not by a witness that did not sign', async () => {
    expect(await one('56.json')).toMatchObject({ code: 1, out: expect.stringContaining('not number 55') as string })
    const stranger = vkeyOf(noteKey('witness.example/w2', 0x04, seededKey(5)))
    expect(await one('55.json', '--witness', stranger)).toMatchObject({ code: 1, out: expect.stringContaining('did not sign') as string })
  })
})
