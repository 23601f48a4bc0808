// The end of a log by command: what goes aside, what the next log says of it, and that nothing of the old one becomes good by it.

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readFloor } from '../../src/adapters/audit/floor.ts'
import { openAudit } from '../../src/compose/audit.ts'
import { findingsIn, signedLog } from '../support/gateway-log.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { gatehouse, NOW, type Run } from './io.ts'

let cwd: string
let dataDir: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'begin-'))
  dataDir = join(cwd, '.gatehouse')
  configure()
})
afterEach(() => rmSync(cwd, { recursive: true }))

const configure = (origin?: string): void =>
  writeFileSync(
    join(cwd, 'gatehouse.yaml'),
    `version: 1\nidentity: { evaluation: { users: [{ name: alice }] } }\n${origin === undefined ? '' : `audit: { origin: ${origin} }\n`}`,
  )
const run = (...argv: string[]): Promise<Run> => gatehouse(['audit', ...argv], { cwd })
const begin = (...argv: string[]): Promise<Run> => run('begin', '--why', 'the disk was lost', ...argv)
const fill = (): Promise<void> => signedLog(dataDir, encoder => Array.from({ length: 20 }, (_, n) => encoder.lifecycle('test', { n })))
const asides = (): string[] => readdirSync(dataDir).filter(name => name.startsWith('audit.'))
const events = (folder = 'audit'): Record<string, any>[] =>
  readFileSync(join(dataDir, folder, 'events-000001.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, any>)
async function start(origin?: string): Promise<void> {
  const parts = { logger: silentLogger(), onGroup: () => {}, now: Date.now, monotonic: () => performance.now() }
  const { log } = await openAudit({ dataDir, origin, ...parts })
  await log.close()
}

describe('gatehouse audit begin', () => {
  it('ends the log with a signed last event, puts it aside, and the next names it first', async () => {
    await fill()
    const { origin } = readFloor(dataDir).last!
    expect(await begin('--yes')).toMatchObject({
      code: 0,
      out: expect.stringContaining(`\`${origin}\` has ended with 23 signed events`) as string,
    })
    expect(asides()).toEqual(['audit.ended-20261121T120000Z'])
    expect(events('audit.ended-20261121T120000Z').at(-1)).toMatchObject({
      what: 'audit-log-ended',
      detail: { by: 'alice', why: 'the disk was lost' },
    })
    expect(readFloor(dataDir).last).toBeUndefined()
    const [ended] = readFloor(dataDir).ended
    expect(ended).toMatchObject({ origin, size: 23, end: { by: 'alice', why: 'the disk was lost', time: new Date(NOW).toISOString() } })
    await start()
    expect(events()[0]).toMatchObject({ what: 'audit-log-begun', detail: { before: ended } })
    expect(readFloor(dataDir).last?.origin).not.toBe(origin)
    expect(readFloor(dataDir).ended).toEqual([ended])
    expect(await findingsIn(dataDir)).toEqual([])
  })

  it('tells what it would do, and does nothing, without --yes or without --why', async () => {
    await fill()
    const before = readFloor(dataDir)
    expect(await begin()).toMatchObject({ code: 4, err: expect.stringContaining('--yes does it\nnothing was changed') as string })
    expect(await run('begin', '--yes')).toMatchObject({ code: 2, err: expect.stringContaining('--why') as string })
    expect(asides()).toEqual([])
    expect(readFloor(dataDir)).toEqual(before)
  })

  it('says that there is nothing to be ended', async () => {
    expect(await begin('--yes')).toMatchObject({ code: 4, err: expect.stringContaining('the next start begins one') as string })
  })

  it('leaves a log alone whose gateway runs', async () => {
    await fill()
    const parts = { logger: silentLogger(), onGroup: () => {}, now: Date.now, monotonic: () => performance.now() }
    const { log } = await openAudit({ dataDir, ...parts })
    expect(await begin('--yes')).toMatchObject({ code: 4, err: expect.stringContaining('stop it first') as string })
    await log.close()
    expect(asides()).toEqual([])
  })

  it('ends one that was changed and cannot take a last event, and says why it was lost', async () => {
    await fill()
    const { last } = readFloor(dataDir)
    truncateSync(join(dataDir, 'audit/events-000001.jsonl'), 0)
    expect((await begin('--yes')).code).toBe(0)
    expect(readFloor(dataDir).ended).toMatchObject([
      { origin: last!.origin, size: last!.size, root: last!.root, end: { lost: 'audit-rolled-back' } },
    ])
    await start()
    expect(events()[0]).toMatchObject({ detail: { before: { end: { lost: 'audit-rolled-back' } } } })
  })

  it('ends one whose tree.db is no database any more', async () => {
    await fill()
    for (const suffix of ['-wal', '-shm']) rmSync(join(dataDir, `audit/tree.db${suffix}`), { force: true })
    writeFileSync(join(dataDir, 'audit/tree.db'), 'no database, and longer than a hundred bytes of it: '.repeat(9))
    await expect(start()).rejects.toMatchObject({ code: 'audit-changed' })
    expect((await begin('--yes')).code).toBe(0)
    expect(readFloor(dataDir).ended).toMatchObject([{ end: { lost: 'audit-changed' } }])
    await start()
    expect(await findingsIn(dataDir)).toEqual([])
  })

  it('goes on where a crash left no folder and a floor that asks for it', async () => {
    await fill()
    rmSync(join(dataDir, 'audit'), { recursive: true })
    await expect(start()).rejects.toMatchObject({ code: 'audit-rolled-back' })
    expect((await begin('--yes')).code).toBe(0)
    await start()
    expect(await findingsIn(dataDir)).toEqual([])
  })

  it('takes the name of the configuration, and refuses to end a log that would get its name again', async () => {
    configure('gateway.example.com/1')
    await start('gateway.example.com/1')
    expect(await begin('--yes')).toMatchObject({ code: 4, err: expect.stringContaining('never used again') as string })
    expect(asides()).toEqual([])
    configure('gateway.example.com/2')
    await expect(start('gateway.example.com/2')).rejects.toMatchObject({ code: 'audit-origin-changed' })
    expect((await begin('--yes')).code).toBe(0)
    await expect(start('gateway.example.com/1')).rejects.toMatchObject({ code: 'audit-origin-ended' })
    await start('gateway.example.com/2')
    expect(readFloor(dataDir).last?.origin).toBe('gateway.example.com/2')
  })
})

describe('attack: after a new log began', () => {
  it('attack: a checkpoint of the old log is good for the new one', async () => {
    await fill()
    const kept = join(cwd, 'kept.txt')
    writeFileSync(kept, readFloor(dataDir).last!.note)
    expect((await begin('--yes')).code).toBe(0)
    await start()
    const found = await run('verify', '--checkpoint', kept)
    expect(found.code).toBe(1)
    expect(await run('verify', join(dataDir, asides()[0]!), '--checkpoint', kept)).toMatchObject({ code: 0 })
  })

  it('attack: a log that was changed is ended, so that nobody finds out', async () => {
    await fill()
    const kept = join(cwd, 'kept.txt')
    writeFileSync(kept, readFloor(dataDir).last!.note)
    const file = join(dataDir, 'audit/events-000001.jsonl')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"n":7', '"n":8'))
    expect((await begin('--yes')).code).toBe(0)
    await start()
    expect((await run('verify', join(dataDir, asides()[0]!), '--checkpoint', kept)).code).toBe(1)
    expect((await run('verify', '--checkpoint', kept)).code).toBe(1)
  })

  it('attack: the ended log is put back and goes on', async () => {
    await fill()
    expect((await begin('--yes')).code).toBe(0)
    cpSync(join(dataDir, asides()[0]!), join(dataDir, 'audit'), { recursive: true })
    await expect(start()).rejects.toMatchObject({ code: 'audit-origin-ended' })
    rmSync(join(dataDir, 'audit/tree.db'))
    await expect(start()).rejects.toMatchObject({ code: 'audit-origin-ended' })
    // ended once more, it is the same end
    const ended = readFloor(dataDir).ended
    expect((await begin('--yes')).code).toBe(0)
    expect(readFloor(dataDir).ended).toEqual(ended)
    expect(asides()).toHaveLength(2)
    expect(existsSync(join(dataDir, 'audit'))).toBe(false)
  })
})
