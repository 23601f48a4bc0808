// Statements on disk, and what was seen: whatever stands there, only a statement that can be relied on admits anything.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AdmissionFolder, statementFile, type AdmissionChange } from '../../../src/adapters/admission/admission-folder.ts'
import { readSeenFile, SeenFolder } from '../../../src/adapters/admission/seen-folder.ts'
import type { PinnedSurface } from '../../../src/admission/pinned-surface.ts'
import { MAX_STATEMENT_BYTES, statementOf, type Review } from '../../../src/admission/statement.ts'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gatehouse-admissions-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const SURFACE: PinnedSurface = {
  mode: 'subset',
  instructions: null,
  primitives: { tool: new Map(), prompt: new Map(), resource: new Map(), resourceTemplate: new Map() },
}
const statement = (change: Partial<Review> = {}): string =>
  statementOf({
    alias: 'files',
    verdict: 'passed',
    surface: SURFACE,
    launch: {},
    reviewer: 'ann',
    reviewedAt: '2026-11-26T20:00:00Z',
    ...change,
  })

function admissions(record?: (change: AdmissionChange) => Promise<void>) {
  const changes: AdmissionChange[] = []
  const admitted = new AdmissionFolder({ record: record ?? (async change => void changes.push(change)) })
  return { admitted, changes, look: (...aliases: string[]) => admitted.look({ folder, aliases: aliases.length > 0 ? aliases : ['files'] }) }
}

/** A file of exactly this size, whatever was written into it. */
function put(file: string, text: string, size: number): void {
  writeFileSync(file, text)
  truncateSync(file, size)
}

describe('the folder of admissions', () => {
  it('takes a statement over once it is there, keeps the same object while it stays, and forgets it once it is gone', async () => {
    const { admitted, changes, look } = admissions()
    await look()
    expect([admitted.of('files'), changes]).toEqual([undefined, []])
    writeFileSync(statementFile(folder, 'files'), statement())
    await look()
    const first = admitted.of('files')
    expect(first).toMatchObject({ alias: 'files', reviewer: 'ann', verdict: 'passed' })
    await look()
    expect(admitted.of('files')).toBe(first)
    writeFileSync(statementFile(folder, 'files'), statement({ reviewer: 'ben', verdict: 'failed' }))
    await look()
    expect(admitted.of('files')).toMatchObject({ reviewer: 'ben', verdict: 'failed' })
    rmSync(statementFile(folder, 'files'))
    await look()
    expect(admitted.of('files')).toBe(undefined)
    expect(changes.map(c => [c.before && 'surface' in c.before, c.now && 'surface' in c.now])).toEqual([
      [undefined, true],
      [true, true],
      [true, undefined],
    ])
  })

  it.each([
    ['half a statement', (file: string) => put(file, statement(), 100), 'is no strict JSON'],
    ['a statement about another server', (file: string) => writeFileSync(file, statement({ alias: 'other' })), 'is about another server'],
    ['a folder', (file: string) => mkdirSync(file), 'is no regular file'],
    ['a file of any size', (file: string) => put(file, '', MAX_STATEMENT_BYTES + 1), 'is larger than'],
    ['a link to nowhere in a circle', (file: string) => symlinkSync(file, file), 'cannot be read (ELOOP)'],
  ])('attack: %s admits nothing, and says why', async (_, place, why) => {
    const { admitted, look } = admissions()
    place(statementFile(folder, 'files'))
    await look()
    expect(admitted.of('files')).toEqual({ unreadable: expect.stringContaining(why) })
  })

  it('a change that cannot be recorded is not in force, and is tried again', async () => {
    let isBroken = true
    const { admitted, look } = admissions(() => (isBroken ? Promise.reject(new Error('disk full')) : Promise.resolve()))
    writeFileSync(statementFile(folder, 'files'), statement())
    await look()
    expect(admitted.of('files')).toBe(undefined)
    isBroken = false
    await look()
    expect(admitted.of('files')).toMatchObject({ reviewer: 'ann' })
  })

  it('tells once for each change, when it is in force', async () => {
    const told: unknown[] = []
    const admitted: AdmissionFolder = new AdmissionFolder({
      record: () => Promise.resolve(),
      decided: alias => void told.push([alias, admitted.of(alias)]),
    })
    const look = () => admitted.look({ folder, aliases: ['files', 'more'] })
    await look()
    writeFileSync(statementFile(folder, 'files'), statement())
    await look()
    await look()
    rmSync(statementFile(folder, 'files'))
    await look()
    expect(told).toEqual([
      ['files', expect.objectContaining({ reviewer: 'ann' })],
      ['files', undefined],
    ])
  })

  it('an upstream that is no longer asked for is forgotten', async () => {
    const { admitted, look } = admissions()
    writeFileSync(statementFile(folder, 'files'), statement())
    await look('files', 'more')
    await look('more')
    expect(admitted.of('files')).toBe(undefined)
  })
})

describe('what was seen', () => {
  const seen = (failed: unknown[] = []) =>
    new SeenFolder({ dataDir: folder, now: () => 1_800_000_000_000, failed: (_, cause) => void failed.push(cause) })
  const file = (): string => join(folder, 'seen', 'files.json')
  const tool = (text: string) => ({
    kind: 'tool' as const,
    definitions: new Map([['read', Buffer.from(`{"name":"read","description":"${text}"}`)]]),
  })

  it('is kept privately, byte for byte, the newest with the digests of others', async () => {
    const folderOf = seen()
    await Promise.all([
      folderOf.keep('files', tool('one')),
      folderOf.keep('files', tool('two')),
      folderOf.keep('files', { instructions: 'Be brief.' }),
    ])
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    const found = (await readSeenFile(folder, 'files'))!
    expect(found.instructions).toBe('Be brief.')
    const read = found.definitions.tool.get('read')!
    expect([read.json, read.others]).toEqual(['{"name":"read","description":"two"}', [expect.stringMatching(/^[0-9a-f]{64}$/)]])
  })

  it('is not written again where it says nothing new', async () => {
    const folderOf = seen()
    await folderOf.keep('files', tool('one'))
    const before = statSync(file(), { bigint: true }).ino
    await folderOf.keep('files', tool('one'))
    expect(statSync(file(), { bigint: true }).ino).toBe(before)
  })

  it('attack: a file that others could have written is not read, and not written over; that is logged', async () => {
    await seen().keep('files', tool('one'))
    chmodSync(file(), 0o666)
    const failed: unknown[] = []
    await seen(failed).keep('files', tool('two'))
    expect(failed).toEqual([expect.objectContaining({ code: 'private-file-unsafe' })])
    expect(readFileSync(file(), 'utf8')).toContain('one')
    await expect(readSeenFile(folder, 'files')).rejects.toMatchObject({ code: 'private-file-unsafe' })
  })

  it('is nothing where nothing was seen', async () => expect(await readSeenFile(folder, 'files')).toBe(undefined))
})
