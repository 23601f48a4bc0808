// The log of a real notary, on a real disk: checked where it lies, beside a running writer and as a copy, taken elsewhere, and one event proven; and what
// attackers do to the files.

import Database from 'better-sqlite3'
import { randomFillSync } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NotaryThread } from '../../src/adapters/audit/notary-thread.ts'
import { openFlatLog } from '../../src/adapters/audit/open-flat-log.ts'
import { TreeFile } from '../../src/adapters/audit/tree-file.ts'
import { EventEncoder } from '../../src/audit/encode.ts'
import { segmentName } from '../../src/audit/recover.ts'
import { leafHash } from '../../src/audit/tree.ts'
import { gatehouse, type Run } from './io.ts'

let cwd: string
let dataDir: string
let dir: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'export-'))
  dataDir = join(cwd, 'data')
  dir = join(dataDir, 'audit')
})
afterEach(() => rmSync(cwd, { recursive: true }))

const encoder = new EventEncoder(Date.now, randomFillSync)
async function open() {
  const notary = new NotaryThread({ settings: { dataDir, dir, host: 'gatehouse' }, now: () => performance.now(), onTrouble: () => {} })
  const { log } = await openFlatLog({ dir, encoder, now: Date.now, follower: notary, limits: { segmentBytes: 40_000 } })
  return { log, reader: notary.reader }
}
async function fill(count: number): Promise<void> {
  const { log } = await open()
  await Promise.all(Array.from({ length: count }, (_, n) => log.append(encoder.lifecycle('test', { n }))))
  await log.close()
}
const run = (...argv: string[]): Promise<Run> => gatehouse(['audit', ...argv], { cwd, now: Date.now })
const verify = (...argv: string[]): Promise<Run> => run('verify', 'data', '--unsafe-local', ...argv)
const vkey = (): string => readFileSync(join(dir, 'key.vkey'), 'utf8').trim()
const lines = (): string[] =>
  readdirSync(dir)
    .filter(name => /^events-\d+\.jsonl$/.test(name))
    .sort()
    .flatMap(name => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1))
const ok = (text: string) => ({ code: 0, out: expect.stringContaining(text) as string })
const bad = (text: string | RegExp) => ({ code: 1, out: expect.stringMatching(text) as string })
/** Replaces the event in its segment; of the same length, so that nothing else moves. */
function change(seq: number): void {
  const line = lines()[seq]!
  for (const name of readdirSync(dir).filter(file => /^events-\d+\.jsonl$/.test(file))) {
    const text = readFileSync(join(dir, name), 'utf8')
    if (text.includes(line)) writeFileSync(join(dir, name), text.replace(line, line.replace('"test"', '"tesT"')))
  }
}

describe('the log of a gateway', () => {
  it('verifies where it lies, beside its writer, and as a copy later', async () => {
    const { log } = await open()
    await Promise.all(Array.from({ length: 700 }, (_, n) => log.append(encoder.lifecycle('test', { n }))))
    await expect.poll(() => verify()).toMatchObject(ok('700 events'))
    await log.append(encoder.lifecycle('test', { n: 700 }))
    cpSync(dataDir, join(cwd, 'copy'), { recursive: true })
    await log.close()
    expect(await verify()).toMatchObject(ok('verified: 701 events of gatehouse/'))
    expect(await run('verify', 'copy/audit', '--unsafe-local')).toMatchObject({ code: 0 })
    // a day later its last event would be old without a checkpoint, unless one says when the copy was made
    const later = { cwd, now: () => Date.now() + 86_400_000 }
    expect(await gatehouse(['audit', 'verify', 'data', '--unsafe-local'], later)).toMatchObject({ code: 0 })
    const taken = new Date().toISOString()
    expect(await gatehouse(['audit', 'verify', 'copy', '--unsafe-local', '--taken-at', taken], later)).toMatchObject({ code: 0 })
    expect(await run('verify', 'data', '--unsafe-local', '--taken-at', 'noon')).toMatchObject({ code: 2 })
  })

  it('goes elsewhere as a bundle, whole or in part, and is checked there with its key', async () => {
    await fill(1000)
    expect(await run('export', 'log.bundle', '--data-dir', 'data')).toMatchObject(ok('1000 events of gatehouse/'))
    expect(statSync(join(cwd, 'log.bundle')).mode & 0o777).toBe(0o600)
    expect(await run('verify', 'log.bundle', '--unsafe-local', '--key', vkey())).toMatchObject(ok('verified: 1000 events'))
    const text = readFileSync(join(cwd, 'log.bundle'), 'utf8')
    for (const line of lines()) expect(text).toContain(` ${line}\n`)
    for (const from of ['1', '256', '700', '999']) {
      expect(await run('export', `from-${from}`, '--data-dir', 'data', '--from', from)).toMatchObject({ code: 0 })
      expect(await run('verify', `from-${from}`, '--unsafe-local')).toMatchObject(ok(`from ${from} to 999`))
    }
    expect(await run('export', 'log.bundle', '--data-dir', 'data')).toMatchObject({ code: 4 })
    expect(await run('export', 'x', '--data-dir', 'data', '--from', '1000')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no checkpoint covers') as string,
    })
    expect(existsSync(join(cwd, 'x')) || existsSync(join(cwd, 'x.new'))).toBe(false)
    expect(await run('export', 'x', '--data-dir', 'data', '--from', 'one')).toMatchObject({ code: 2 })
    expect(await run('export', 'x', '--data-dir', 'nowhere')).toMatchObject({ code: 2 })
    expect(await run('export')).toMatchObject({ code: 2 })
  })

  it('attack: a bundle of a log that was changed tells which event it was', async () => {
    await fill(1000)
    change(400)
    expect(await run('export', 'log.bundle', '--data-dir', 'data')).toMatchObject({ code: 0 })
    expect(await run('verify', 'log.bundle', '--unsafe-local')).toMatchObject(bad('event 400: it is not the event that was signed'))
  })

  it('goes elsewhere as a bundle that verifies also where the gateway signs between two looks at its checkpoints', async () => {
    await fill(300)
    await fill(1)
    const { checkpoints } = TreeFile.prototype
    const looks = vi.spyOn(TreeFile.prototype, 'checkpoints').mockImplementationOnce(function (this: TreeFile, limit) {
      return checkpoints.call(this, limit).filter(({ size }) => size <= 300) // the one of 301 is signed right after this
    })
    const done = await run('export', 'log.bundle', '--data-dir', 'data')
    looks.mockRestore()
    expect(done).toMatchObject(ok('300 events'))
    expect(await run('verify', 'log.bundle', '--unsafe-local')).toMatchObject(ok('verified: 300 events'))
  })

  it.each(['0', '300', '999', 'by id'])('proves event %s', async which => {
    await fill(1000)
    const line = lines()[which === 'by id' ? 500 : Number(which)]!
    const { id } = JSON.parse(line) as { id: string }
    expect(await run('prove', which === 'by id' ? id : which, '--data-dir', 'data', '--out', 'one')).toMatchObject({ code: 0 })
    expect(readFileSync(join(cwd, 'one.json'), 'utf8')).toBe(line)
    const check = () => run('verify', '--proof', 'one.tlog-proof', '--event', 'one.json', '--key', vkey())
    expect(await check()).toMatchObject(ok(`this is event ${which === 'by id' ? 500 : which} of gatehouse/`))
    writeFileSync(join(cwd, 'one.json'), line.replace('"test"', '"tesT"'))
    expect(await check()).toMatchObject({ code: 1 })
  })

  it('attack: of an event that was changed, with its kept hash or without, there is no proof', async () => {
    await fill(1000)
    change(300)
    const refused = { code: 1, err: expect.stringContaining('event 300 is not the one that was signed') as string }
    expect(await run('prove', '300', '--data-dir', 'data')).toMatchObject(refused)
    const database = new Database(join(dir, 'tree.db'))
    const { hashes } = database.prepare('SELECT hashes FROM tiles WHERE level = 0 AND tile = 1').get() as { hashes: Buffer }
    hashes.set(leafHash(Buffer.from(lines()[300]!)), (300 - 256) * 32)
    database.prepare('UPDATE tiles SET hashes = ? WHERE level = 0 AND tile = 1').run(hashes)
    database.close()
    expect(await run('prove', '300', '--data-dir', 'data')).toMatchObject(refused)
    expect(existsSync(join(cwd, 'event-300.json')) || existsSync(join(cwd, 'event-300.tlog-proof'))).toBe(false)
    expect(await run('prove', '600', '--data-dir', 'data')).toMatchObject({ code: 0 })
  })

  it('proves nothing that is not there', async () => {
    await fill(10)
    for (const which of ['10', 'no-such-id', '9007199254740991'])
      expect(await run('prove', which, '--data-dir', 'data')).toMatchObject({ code: 1, err: expect.stringContaining('no event') as string })
    expect(await run('prove')).toMatchObject({ code: 2 })
  })

  it('attack: changed, deleted, put in, swapped, cut off', async () => {
    await fill(1000)
    cpSync(dir, join(cwd, 'whole'), { recursive: true })
    change(300)
    expect(await verify()).toMatchObject(bad(/^NOT VERIFIED\nevent 300: it is not the event that was signed\n$/))
    cpSync(join(cwd, 'whole'), dir, { recursive: true })
    const file = join(dir, segmentName(1))
    const whole = readFileSync(file, 'utf8')
    const text = whole.split('\n')
    const edits: Record<string, string[]> = {
      deleted: text.toSpliced(50, 1),
      'put in': text.toSpliced(50, 0, text[10]!),
      swapped: text.toSpliced(50, 2, text[51]!, text[50]!),
    }
    for (const [what, changed] of Object.entries(edits)) {
      writeFileSync(file, changed.join('\n'))
      expect((await verify()).out, what).toMatch(/event(s 0 to \d+| 50):/)
    }
    writeFileSync(file, whole)
    const full = readdirSync(dir).filter(name => name.startsWith('events-') && statSync(join(dir, name)).size > 0)
    rmSync(join(dir, full.sort().at(-1)!))
    expect(await verify()).toMatchObject(bad('some are missing'))
  })

  it('attack: an older copy put back is below its floor, and below any checkpoint kept elsewhere', async () => {
    await fill(300)
    cpSync(dir, join(cwd, 'old'), { recursive: true })
    await fill(100)
    const kept = Database(join(dir, 'tree.db'), { readonly: true })
    const { note } = kept.prepare('SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1').get() as { note: string }
    kept.close()
    writeFileSync(join(cwd, 'kept.txt'), note)
    rmSync(dir, { recursive: true })
    cpSync(join(cwd, 'old'), dir, { recursive: true })
    expect(await verify()).toMatchObject(bad('some are missing'))
    // whoever may write in trust/ as well is found out by what lies elsewhere alone
    rmSync(join(dataDir, 'trust/audit.json'))
    expect(await verify()).toMatchObject({ code: 0 })
    expect(await run('verify', 'data', '--checkpoint', 'kept.txt')).toMatchObject(bad('some are missing'))
  })

  it('attack: tree.db rewritten without the key', async () => {
    await fill(1000)
    const database = new Database(join(dir, 'tree.db'))
    const notes = database.prepare('SELECT size, note FROM checkpoints ORDER BY size').all() as { size: number; note: string }[]
    database
      .prepare('UPDATE checkpoints SET note = ? WHERE size = ?')
      .run(notes[0]!.note.replace(`\n${notes[0]!.size}\n`, '\n7\n'), notes[0]!.size)
    database.close()
    expect(await verify()).toMatchObject(bad('not by its key'))
  })
})
