// The tree and its checkpoints beside the log: what a start refuses, what is signed, what survives. Attacks are made on real files.

import { randomFillSync } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NotaryThread, type NotaryParts } from '../../../src/adapters/audit/notary-thread.ts'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { openCheckpoint } from '../../../src/audit/checkpoint.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'
import { readVkey, type NoteKey } from '../../../src/audit/note.ts'
import { verifyProof } from '../../../src/audit/proof.ts'
import { leafHash, rootOf } from '../../../src/audit/tree.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'notary-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const encoder = new EventEncoder(Date.now, randomFillSync)
const dir = () => join(dataDir, 'audit')
const segment = (n = 1) => join(dir(), `events-${String(n).padStart(6, '0')}.jsonl`)
const linesOf = () =>
  readdirSync(dir())
    .filter(name => /^events-\d+\.jsonl$/.test(name))
    .sort()
    .flatMap(name => readFileSync(join(dir(), name), 'utf8').split('\n').slice(0, -1))

async function open({ segmentBytes, ...parts }: Partial<NotaryParts> & { segmentBytes?: number } = {}) {
  const troubles: string[] = []
  const notary = new NotaryThread({
    settings: { dataDir, dir: dir(), host: 'gatehouse' },
    now: () => performance.now(),
    onTrouble: (message, fields) => troubles.push(`${message} ${JSON.stringify(fields)}`),
    ...parts,
  })
  try {
    const limits = segmentBytes === undefined ? {} : { segmentBytes }
    const { log } = await openFlatLog({ dir: dir(), encoder, now: Date.now, follower: notary, limits })
    return { log, notary, troubles, reader: notary.reader }
  } catch (error) {
    await notary.close()
    throw error
  }
}

const event = (n: number) => encoder.lifecycle('test', { n })
async function fill(count: number, options: { segmentBytes?: number } = {}): Promise<void> {
  const { log } = await open(options)
  for (let n = 0; n < count; n += 100)
    await Promise.all(Array.from({ length: Math.min(100, count - n) }, (_, i) => log.append(event(n + i))))
  await log.close()
}
const floor = () =>
  JSON.parse(readFileSync(join(dataDir, 'trust/audit.json'), 'utf8')) as { last: { size: number; note: string; origin: string } }
const keyOf = (vkey: string): NoteKey => {
  const key = readVkey(vkey)
  if (typeof key === 'string') throw new Error(key)
  return key
}
function tree<T>(work: (database: Database.Database) => T): T {
  const database = new Database(join(dir(), 'tree.db'))
  try {
    return work(database)
  } finally {
    database.close()
  }
}
const refused = async (code: string, text: RegExp) => {
  await expect(open()).rejects.toMatchObject({ code, message: expect.stringMatching(text) as string })
}

describe('a log that is signed', () => {
  it('signs what is durable when it closes, and the root is that of the lines', async () => {
    await fill(600)
    const { size, note, origin } = floor().last
    const vkey = readFileSync(join(dir(), 'key.vkey'), 'utf8').trim()
    const checkpoint = openCheckpoint(note, { origin, keys: [keyOf(vkey)] })
    expect(checkpoint).toMatchObject({ size: 600, origin: expect.stringMatching(/^gatehouse\/[0-9a-f]{8}$/) as string })
    expect(size).toBe(600)
    expect(typeof checkpoint !== 'string' && Buffer.from(checkpoint.root)).toStrictEqual(
      rootOf(linesOf().map(line => leafHash(Buffer.from(line)))),
    )
  })

  it('goes on over starts and segments, with every event provable and found', async () => {
    await fill(700, { segmentBytes: 20_000 })
    await fill(300, { segmentBytes: 20_000 })
    const { log, reader } = await open()
    const state = await reader.state()
    expect(state).toMatchObject({ size: 1000, lagMs: 0, checkpoint: { size: 1000 }, prunedTo: 0, witnesses: [] })
    const lines = linesOf()
    expect(lines).toHaveLength(1000)
    const keys = state.vkeys.map(keyOf)
    for (const seq of [0, 255, 256, 511, 699, 700, 767, 768, 999]) {
      const proven = verifyProof(await reader.proof(seq), Buffer.from(lines[seq]!), { origin: state.origin, keys })
      expect(proven).toMatchObject({ seq })
      expect((await reader.read(seq, 1))[0]).toMatchObject({
        seq,
        event: lines[seq],
        leaf: leafHash(Buffer.from(lines[seq]!)).toString('base64'),
      })
    }
    await expect(reader.proof(1000)).rejects.toMatchObject({ code: 'audit-uncovered' })
    const page = await reader.search({ what: 'test', limit: 500 })
    expect(page.events.map(({ seq }) => seq)).toStrictEqual(Array.from({ length: 500 }, (_, i) => 999 - i))
    const rest = await reader.search({ what: 'test', limit: 500, before: page.next! })
    expect(rest.events.map(({ seq }) => seq)).toStrictEqual(Array.from({ length: 500 }, (_, i) => 499 - i))
    expect(rest.next).toBeUndefined()
    for (const seq of [3, 260, 770, 998]) {
      const { id } = JSON.parse(lines[seq]!) as { id: string }
      expect((await reader.search({ id })).events.map(found => found.seq)).toStrictEqual([seq])
    }
    await log.close()
  })

  it('is signed while it runs, about a second after the first event', async () => {
    const signed = Promise.withResolvers<number>()
    const { log } = await open({ onSigned: size => size > 0 && signed.resolve(size) })
    await log.append(event(0))
    expect(await signed.promise).toBe(1)
    expect(floor().last.size).toBe(1)
    await log.close()
  })

  it('takes a log from before there were trees as its first leaves', async () => {
    const { log } = await openFlatLog({ dir: dir(), encoder, now: Date.now, limits: { segmentBytes: 20_000 } })
    await Promise.all(Array.from({ length: 400 }, (_, n) => log.append(event(n))))
    await log.close()
    await fill(1)
    expect(floor().last.size).toBe(401)
  })
})

describe('a start that finds something else than was signed is refused', () => {
  it('attack: the folder of the log is put back as it was earlier', async () => {
    await fill(300)
    cpSync(dir(), join(dataDir, 'old'), { recursive: true })
    await fill(300)
    rmSync(dir(), { recursive: true })
    cpSync(join(dataDir, 'old'), dir(), { recursive: true })
    await refused('audit-rolled-back', /has 300 events, and 600 were signed/)
    await refused('audit-rolled-back', /gatehouse audit begin/)
    expect(linesOf()).toHaveLength(300) // and nothing was appended to it meanwhile
  })

  it('attack: the folder of the log is taken away', async () => {
    await fill(10)
    rmSync(dir(), { recursive: true })
    await refused('audit-rolled-back', /has 0 events, and 10 were signed/)
  })

  it('attack: an event in the tail is edited while the gateway is stopped', async () => {
    await fill(10)
    const text = readFileSync(segment(), 'utf8')
    writeFileSync(segment(), text.replace('"n":7', '"n":8'))
    await refused('audit-changed', /first 10 events are not those that were signed/)
    writeFileSync(segment(), text)
    const { log } = await open()
    await log.close()
  })

  it('attack: an event of a whole tile is edited, and named', async () => {
    await fill(600)
    writeFileSync(segment(), readFileSync(segment(), 'utf8').replace('"n":77}', '"n":78}'))
    await refused('audit-changed', /event 77 is not the one that was written/)
  })

  it('attack: two lines are swapped', async () => {
    await fill(10)
    const lines = linesOf()
    ;[lines[3], lines[4]] = [lines[4]!, lines[3]!]
    writeFileSync(segment(), lines.map(line => `${line}\n`).join(''))
    await refused('audit-changed', /first 10 events/)
  })

  it('attack: the end is cut off between two lines', async () => {
    await fill(600)
    const lines = linesOf()
    truncateSync(
      segment(),
      Buffer.byteLength(
        lines
          .slice(0, 590)
          .map(line => `${line}\n`)
          .join(''),
      ),
    )
    await refused('audit-rolled-back', /has 590 events, and 600 were signed/)
    truncateSync(
      segment(),
      Buffer.byteLength(
        lines
          .slice(0, 300)
          .map(line => `${line}\n`)
          .join(''),
      ),
    )
    await refused('audit-changed', /ends at byte/)
  })

  it('attack: an older segment is shortened, or taken away', async () => {
    await fill(900, { segmentBytes: 20_000 })
    const text = readFileSync(segment(2))
    truncateSync(segment(2), text.length - linesOf().at(-1)!.length)
    await refused('audit-changed', /events-000002\.jsonl` has/)
    rmSync(segment(2))
    await refused('audit-damaged', /missing/)
    rmSync(segment(1))
    await refused('audit-changed', /missing/)
  })

  it('tree.db may be lost: it is made again from the lines, because they lead to what was signed', async () => {
    await fill(600)
    for (const name of ['tree.db', 'index.db']) rmSync(join(dir(), name))
    await fill(5)
    expect(floor().last.size).toBe(605)
  })

  it('attack: tree.db is taken away and the lines are edited', async () => {
    await fill(600)
    const { origin } = floor().last
    rmSync(join(dir(), 'tree.db'))
    const text = readFileSync(segment(), 'utf8')
    writeFileSync(segment(), text.replace('"n":7}', '"n":8}'))
    await refused('audit-changed', /first 600 events/)
    await refused('audit-changed', /first 600 events/) // nor is what the first start made of the lines believed by the second
    writeFileSync(segment(), text)
    await fill(1)
    expect(floor().last).toMatchObject({ size: 601, origin })
  })

  it('attack: lines, tree and checkpoints are made anew with another key', async () => {
    await fill(20)
    const stolen = join(dataDir, 'other')
    rmSync(join(dataDir, 'audit/tree.db'))
    const mine = dataDir
    dataDir = stolen
    await fill(30)
    dataDir = mine
    rmSync(dir(), { recursive: true })
    cpSync(join(stolen, 'audit'), dir(), { recursive: true })
    await refused('audit-changed', /it is the log `gatehouse\/\w+`, and `trust\/audit.json` is of/)
  })

  it('attack: the stored checkpoint is edited', async () => {
    await fill(20)
    tree(database => database.exec("UPDATE checkpoints SET note = replace(note, '20', '19'), size = 19"))
    await refused('audit-changed', /last checkpoint/)
  })

  it('attack: the key is replaced', async () => {
    await fill(20)
    rmSync(join(dataDir, 'keys/audit.key'))
    await refused('audit-changed', /not the key that it was signed with last/)
  })

  it('attack: the floor is damaged, or lowered', async () => {
    await fill(20)
    const file = join(dataDir, 'trust/audit.json')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.slice(0, -20))
    await refused('audit-floor-invalid', /damaged/)
    writeFileSync(file, text.replace('"size":20', '"size":2'))
    await refused('audit-changed', /does not say what stands beside it/)
  })

  it('a log keeps its name', async () => {
    await fill(2)
    await expect(open({ settings: { dataDir, dir: dir(), host: 'x', origin: 'other.example/log' } })).rejects.toMatchObject({
      code: 'audit-origin-changed',
    })
  })

  it('attack: tiles of tree.db are edited to fit edited lines of an old segment: the signed root does not follow', async () => {
    await fill(900, { segmentBytes: 20_000 })
    tree(database => {
      const { hashes } = database.prepare<[], { hashes: Buffer }>('SELECT hashes FROM tiles WHERE level = 0 AND tile = 0').get()!
      const leaves = Array.from({ length: 256 }, (_, i) => hashes.subarray(i * 32, i * 32 + 32))
      leaves[9] = leafHash(Buffer.from('{"forged":true}'))
      database.prepare('UPDATE tiles SET hashes = ?, root = ? WHERE level = 0 AND tile = 0').run(Buffer.concat(leaves), rootOf(leaves))
    })
    await refused('audit-changed', /first 900 events/)
  })
})

describe('a notary that does not keep up', () => {
  it('attack: a log that cannot be signed for long passes nothing more', async () => {
    let now = 0
    const { log, notary } = await open({ now: () => now })
    await log.append(event(0))
    now = 30_000
    await log.append(event(1))
    now = 30_001
    // Whatever the thread has signed by now: an event is marked that it cannot have seen.
    notary.publish({ segment: 9, offset: 1 })
    now = 90_000
    await expect(log.append(event(2))).rejects.toMatchObject({
      code: 'audit-unavailable',
      message: expect.stringMatching(/behind by \d+ s/) as string,
    })
    expect(log.isHealthy).toBe(false)
    await log.close().catch(() => undefined)
  })
})

it('leaves nothing but its files', async () => {
  await fill(3)
  expect(readdirSync(dir()).sort()).toStrictEqual([
    'events-000001.jsonl',
    'index.db',
    'key.vkey',
    'keys',
    'origin',
    'tree.db',
    'writer.lock',
  ])
  expect(existsSync(join(dataDir, 'keys/audit.key'))).toBe(true)
})
