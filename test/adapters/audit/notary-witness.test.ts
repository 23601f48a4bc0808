// A notary and its witness, both real, over HTTP: what is signed is cosigned, kept with the checkpoint, and checked; a witness that is away stops nothing.

import Database from 'better-sqlite3'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { NotaryThread } from '../../../src/adapters/audit/notary-thread.ts'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'
import { noteKey, vkeyOf } from '../../../src/audit/note.ts'
import type { CommandArgs } from '../../../src/cli/command.ts'
import { startWitness, type RunningWitness } from '../../../src/cli/witness.ts'
import { gatehouse, testIo } from '../../cli/io.ts'
import { seededKey } from '../../support/signed-log.ts'

let cwd: string
let witness: RunningWitness | undefined
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'notary-witness-'))
})
afterEach(async () => {
  await witness?.stop()
  witness = undefined
  rmSync(cwd, { recursive: true })
})

const encoder = new EventEncoder(Date.now, randomFillSync)
const dataDir = (): string => join(cwd, 'data')
async function start(logs: readonly string[], port = 0): Promise<RunningWitness> {
  const options: Record<string, string | readonly string[]> = { name: 'witness.example/w1', listen: `127.0.0.1:${port}`, log: logs }
  const io = testIo({ cwd, now: Date.now })
  const args: CommandArgs = {
    ...{ io, json: false, configFile: '', isConfigGiven: false, positionals: [], flag: () => false },
    text: name => options[name] as string | undefined,
    list: name => (options[name] as string[] | undefined) ?? [],
  }
  witness = await startWitness(args)
  return witness
}
async function open(witnesses: readonly { readonly url: string; readonly key: string }[]) {
  const troubles: unknown[] = []
  const dir = join(dataDir(), 'audit')
  const notary = new NotaryThread({
    settings: { dataDir: dataDir(), dir, host: 'gatehouse', origin: 'gatehouse.example/1', witnesses },
    now: () => performance.now(),
    onTrouble: (_message, fields) => troubles.push(fields['trouble'] ?? 'over'),
  })
  const { log } = await openFlatLog({ dir, encoder, now: Date.now, follower: notary })
  return { log, reader: notary.reader, troubles, vkey: () => notary.started?.vkey ?? '' }
}

it('has its checkpoints cosigned, and proofs carry the signature', async () => {
  const first = await open([])
  await first.log.append(encoder.lifecycle('test', { n: 0 }))
  const vkey = first.vkey()
  await first.log.close()
  const running = await start([vkey])
  const { log, reader, troubles } = await open([{ url: running.url, key: running.vkey }])
  await Promise.all(Array.from({ length: 300 }, (_, n) => log.append(encoder.lifecycle('test', { n }))))
  await expect.poll(async () => (await reader.state()).witnesses).toMatchObject([{ name: 'witness.example/w1' }])
  const size = (await reader.state()).witnesses[0]!.size
  await log.close()
  expect(troubles).toEqual([])
  const database = new Database(join(dataDir(), 'audit/tree.db'), { readonly: true })
  const note = database.prepare('SELECT note FROM checkpoints WHERE size = ?').pluck().get(size) as string
  database.close()
  expect(note).toContain('\n— witness.example/w1 ')
  expect(await gatehouse(['audit', 'verify', 'data', '--witness', running.vkey, '--key', vkey], { cwd, now: Date.now })).toMatchObject({
    code: 0,
    out: expect.stringContaining(`the witness witness.example/w1, of ${size} events`) as string,
  })
  const stranger = vkeyOf(noteKey('witness.example/w1', 0x04, seededKey(9)))
  expect(await gatehouse(['audit', 'verify', 'data', '--witness', stranger], { cwd, now: Date.now })).toMatchObject({ code: 1 })
})

it('goes on without a witness that is away, and says so', async () => {
  const running = await start([vkeyOf(noteKey('gatehouse.example/1', 0x01, seededKey(1)))])
  const { url, vkey } = running
  await running.stop()
  witness = undefined
  const { log, reader, troubles } = await open([{ url, key: vkey }])
  for (let n = 0; n < 10; n += 1) await log.append(encoder.lifecycle('test', { n }))
  await expect.poll(() => troubles).toEqual(['away'])
  await log.append(encoder.lifecycle('test', { n: 10 }))
  await expect.poll(async () => (await reader.state()).checkpoint?.size).toBe(11)
  expect((await reader.state()).witnesses).toEqual([])
  await log.close()
})
