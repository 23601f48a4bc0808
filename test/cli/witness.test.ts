// `gatehouse witness` with real HTTP and a real disk, and gateways' side of it: growth is cosigned, forks and roll-backs are refused, kept and told on both
// sides, and a witness that is away is asked again.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Witnesses, type WitnessStanding, type WitnessTrouble } from '../../src/adapters/audit/witness-client.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { openCheckpoint } from '../../src/audit/checkpoint.ts'
import { readVkey, signatureLine, vkeyOf, type NoteKey } from '../../src/audit/note.ts'
import { addCheckpointText } from '../../src/audit/witnessing.ts'
import type { CommandArgs } from '../../src/cli/command.ts'
import { startWitness, type RunningWitness } from '../../src/cli/witness.ts'
import { makeCertificate, trustCertificates } from '../support/certificates.ts'
import { seededKey, SignedLog } from '../support/signed-log.ts'
import { gatehouse, testIo } from './io.ts'

const NAME = 'witness.example/w1'
let cwd: string
let log: SignedLog
let running: RunningWitness[]
let pushing: Witnesses[]
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'witness-'))
  log = new SignedLog().grow(50)
  running = []
  pushing = []
})
afterEach(async () => {
  for (const each of pushing) each.stop()
  for (const each of running) await each.stop()
  rmSync(cwd, { recursive: true })
})

function args(
  options: Record<string, string | readonly string[]>,
  now = Date.now,
): CommandArgs & { readonly io: ReturnType<typeof testIo> } {
  const all: Record<string, string | readonly string[]> = { name: NAME, listen: '127.0.0.1:0', log: [vkeyOf(log.key)], ...options }
  return {
    io: testIo({ cwd, now }),
    json: false,
    configFile: '',
    isConfigGiven: false,
    positionals: [],
    text: name => all[name] as string | undefined,
    flag: () => false,
    list: name => (all[name] as string[] | undefined) ?? [],
  }
}
async function start(options: Record<string, string | readonly string[]> = {}, now = Date.now) {
  const given = args(options, now)
  const witness = await startWitness(given)
  running.push(witness)
  return { ...witness, port: Number(new URL(witness.url).port), key: readVkey(witness.vkey) as NoteKey, written: given.io.written }
}
const post = async (url: string, body: string) => {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}
const request = (from: SignedLog, old: number, size: number, proof = from.prove(old, size)) =>
  addCheckpointText({ old, proof, checkpoint: from.checkpoint(size).note })

/** The gateway's side, with timers that fire when told. */
function gateway(witness: { readonly url: string; readonly key: NoteKey }, from: SignedLog) {
  const cosigned: { note: string; time: number }[] = []
  const troubles: (WitnessTrouble['is'] | 'over')[] = []
  const waiting: (() => void)[] = []
  const settled: (() => void)[] = []
  const { host } = new URL(witness.url)
  const witnesses = new Witnesses({
    fetch: createSafeFetch({ namedHosts: [host] }),
    targets: [witness],
    prove: (a, b) => from.prove(a, b),
    onCosigned: ({ note }, line, { time }) => void cosigned.push({ note: note + line, time }),
    onTrouble: (_name, trouble) => void troubles.push(trouble?.is ?? 'over'),
    after: (_ms, then) => {
      waiting.push(then)
      settled.shift()?.()
      return () => {}
    },
  })
  pushing.push(witnesses)
  return {
    cosigned,
    troubles,
    standing: (): WitnessStanding => witnesses.standing()[0]!,
    /** offers, and lets the pause before go by; resolves when it was pushed */
    push: async (size: number): Promise<void> => {
      const done = new Promise<void>(resolve => settled.push(resolve))
      witnesses.offer(from.checkpoint(size))
      waiting.shift()?.()
      await done
    },
    /** the pause goes by with nothing new */
    again: async (): Promise<void> => {
      const done = new Promise<void>(resolve => settled.push(resolve))
      waiting.shift()?.()
      await done
    },
  }
}

describe('gatehouse witness', () => {
  it('makes a key of its own, for its owner alone, and has the same one after a restart', async () => {
    const first = await start()
    expect(first.vkey).toMatch(/^witness\.example\/w1\+[0-9a-f]{8}\+B[A-Za-z0-9+/]{43}$/)
    expect(statSync(join(cwd, 'witness/witness.key')).mode & 0o777).toBe(0o600)
    await first.stop()
    running = []
    expect((await start()).vkey).toBe(first.vkey)
  })

  it('answers as C2SP tlog-witness says', async () => {
    const { url, key } = await start()
    const ok = await post(url, request(log, 0, 20))
    expect(ok).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8' })
    expect(openCheckpoint(log.checkpoint(20).note + ok.body, log.identity, [key])).toMatchObject({ size: 20, witnesses: [{ name: NAME }] })
    expect(await post(url, request(log, 0, 30))).toEqual({ status: 409, type: 'text/x.tlog.size', body: '20\n' })
    expect(await post(url, request(log, 20, 30, []))).toMatchObject({ status: 422 })
    expect(await post(url, request(new SignedLog('a/b').grow(2), 0, 2))).toMatchObject({ status: 404 })
    expect(await post(url, request(new SignedLog(log.origin, seededKey(7)).grow(2), 0, 2))).toMatchObject({ status: 403 })
    expect(await post(url, 'hello')).toMatchObject({ status: 400 })
    expect(await post(url, 'x'.repeat(100_000))).toMatchObject({ status: 413 })
    const other = await fetch(`${url}/`)
    expect(other.status).toBe(404)
    expect((await fetch(`${url}/add-checkpoint`)).status).toBe(405)
  })

  it('tells the newest checkpoint it cosigned to anybody', async () => {
    const { url, key } = await start()
    const at = `${url}/${hash('sha256', log.origin, 'hex')}/checkpoint`
    expect((await fetch(at)).status).toBe(404)
    await post(url, request(log, 0, 20))
    const note = await (await fetch(at)).text()
    expect(openCheckpoint(note, log.identity, [key])).toMatchObject({ size: 20, witnesses: [{ name: NAME }] })
    expect((await fetch(`${url}/${hash('sha256', 'other', 'hex')}/checkpoint`)).status).toBe(404)
    expect((await fetch(at, { method: 'DELETE' })).status).toBe(405)
  })

  it('attack: a fork is refused, kept with both notes, and told once', async () => {
    const witness = await start()
    await post(witness.url, request(log, 0, 20))
    const fork = log.fork(10).grow(10, 'other')
    for (let i = 0; i < 3; i += 1) expect(await post(witness.url, request(fork, 20, 20, []))).toMatchObject({ status: 422 })
    expect(witness.written.err.match(/FORK/g)).toHaveLength(1)
    expect(witness.written.err).toContain(log.origin)
    const [file, ...more] = readdirSync(join(cwd, 'witness/refused'))
    expect(more).toEqual([])
    const evidence = readFileSync(join(cwd, 'witness/refused', file!), 'utf8')
    expect(evidence).toContain(log.checkpoint(20).note)
    expect(evidence).toContain(fork.checkpoint(20).note)
    expect(file).toMatch(/^contradiction-/)
  })

  it('attack: a flood of junk with the checkpoint that was seen fills no place, and a fork behind it is kept and told', async () => {
    const witness = await start()
    await post(witness.url, request(log, 0, 20))
    const text = log.checkpoint(20).note.slice(0, log.checkpoint(20).note.lastIndexOf('\n\n') + 1)
    for (let i = 1; i <= 5; i += 1) {
      const junk = signatureLine(text, { name: `junk-${i}`, privateKey: seededKey(8) })
      const body = addCheckpointText({ old: 20, proof: [log.root(i)], checkpoint: log.checkpoint(20).note + junk })
      expect(await post(witness.url, body)).toMatchObject({ status: 422 })
    }
    expect(witness.written.err).toBe('')
    const fork = log.fork(10).grow(20, 'other')
    await post(witness.url, request(fork, 20, 30, []))
    expect(witness.written.err).toContain('was not shown to go on')
    expect(readdirSync(join(cwd, 'witness/refused'))).toEqual([expect.stringMatching(/^unproven-/)])
  })

  it.each(['with every place of evidence taken', 'on a disk that takes nothing'])('attack: a fork is told %s', async how => {
    const witness = await start()
    await post(witness.url, request(log, 0, 20))
    const place = join(cwd, 'witness/refused')
    if (how.startsWith('on')) writeFileSync(place, '')
    else {
      mkdirSync(place)
      for (let i = 0; i < 1000; i += 1) writeFileSync(join(place, `contradiction-${i}.txt`), '')
    }
    const fork = log.fork(10).grow(10, 'other')
    for (let i = 0; i < 3; i += 1) expect(await post(witness.url, request(fork, 20, 20, []))).toMatchObject({ status: 422 })
    expect(witness.written.err.match(/FORK/g)).toHaveLength(1)
    expect(witness.written.err).toContain(`20 events and the root ${fork.root(20).toString('base64')}`)
  })

  it('attack: more unproven trees than are told in an hour keep no contradiction from being told, and it is told again an hour later', async () => {
    let now = Date.UTC(2026, 6, 28)
    const witness = await start({}, () => now)
    await post(witness.url, request(log, 0, 20))
    const fork = log.fork(10).grow(200, 'other')
    for (let size = 21; size < 131; size += 1) await post(witness.url, request(fork, 20, size, []))
    expect(witness.written.err.match(/refused:/g)).toHaveLength(100)
    expect(witness.written.err).toContain('no more are told')
    await post(witness.url, request(fork, 20, 20, []))
    now += 3_600_000
    await post(witness.url, request(fork, 20, 20, []))
    expect(witness.written.err.match(/FORK/g)).toHaveLength(2)
  })

  it('attack: a history before the last restart is remembered', async () => {
    const first = await start()
    await post(first.url, request(log, 0, 20))
    await first.stop()
    running = []
    const second = await start()
    const fork = log.fork(10).grow(20, 'other')
    expect(await post(second.url, request(fork, 20, 30, fork.prove(20, 30)))).toMatchObject({ status: 422 })
    expect(await post(second.url, request(fork, 0, 20, []))).toMatchObject({ status: 409, body: '20\n' })
    expect(second.written.err).toContain('FORK')
  })

  it('says what its command line lacks', async () => {
    for (const [options, words] of [
      [{ name: 'two words' }, '--name'],
      [{ log: [] }, '--log'],
      [{ log: ['x'] }, '--log'],
      [{ listen: 'here' }, '--listen'],
      [{ 'tls-cert': 'x' }, '--tls-key'],
    ] as const)
      await expect(startWitness(args(options))).rejects.toThrow(words)
    expect(await gatehouse(['witness'], { cwd })).toMatchObject({ code: 2, err: expect.stringContaining('--name') as string })
    const { vkey } = await start()
    await expect(startWitness(args({ log: [vkey] }))).rejects.toThrow('the key of a witness')
  })
})

describe('a gateway and its witness', () => {
  it('has growth cosigned, also after either began anew', async () => {
    const witness = await start()
    const first = gateway(witness, log)
    await first.push(5)
    await first.push(30)
    expect(first.cosigned).toHaveLength(2)
    expect(openCheckpoint(first.cosigned[1]!.note, log.identity, [witness.key])).toMatchObject({ size: 30, witnesses: [{ name: NAME }] })
    expect(first.standing()).toMatchObject({ name: NAME, size: 30 })
    const second = gateway(witness, log)
    await second.push(50)
    expect(second.cosigned).toHaveLength(1)
    expect(second.troubles).toEqual([])
  })

  it('sends over TLS, and to no certificate that does not verify', async () => {
    const certificate = makeCertificate()
    writeFileSync(join(cwd, 'cert.pem'), certificate.cert)
    writeFileSync(join(cwd, 'key.pem'), certificate.key, { mode: 0o600 })
    const witness = await start({ 'tls-cert': 'cert.pem', 'tls-key': 'key.pem' })
    expect(witness.url).toMatch(/^https:/)
    const side = gateway(witness, log)
    await side.push(5)
    expect(side.standing().trouble).toMatchObject({ is: 'away', why: 'fetch-failed' })
    const undo = trustCertificates(certificate)
    await side.again()
    undo()
    expect(side.cosigned).toHaveLength(1)
  })

  it('asks a witness that was away again, and tells when that began and ended', async () => {
    const witness = await start()
    await witness.stop()
    running = []
    const side = gateway(witness, log)
    await side.push(5)
    await side.again()
    expect(side.troubles).toEqual(['away'])
    await start({ listen: `127.0.0.1:${witness.port}` })
    await side.again()
    expect(side.troubles).toEqual(['away', 'over'])
    expect(side.cosigned).toHaveLength(1)
  })

  it('attack: a log that was rolled back learns that its witness saw more', async () => {
    const witness = await start()
    await gateway(witness, log).push(40)
    const restored = gateway(witness, log.fork(30).grow(5, 'after'))
    await restored.push(35)
    expect(restored.troubles).toEqual(['ahead'])
    expect(restored.standing().trouble?.why).toContain('it saw 40 events of this log, and there are 35')
  })

  it('attack: a log that was rolled back and went on is contradicted', async () => {
    const witness = await start()
    await gateway(witness, log).push(40)
    const rewritten = gateway(witness, log.fork(30).grow(20, 'after'))
    await rewritten.push(45)
    expect(rewritten.troubles).toEqual(['contradicted'])
    expect(rewritten.cosigned).toEqual([])
    expect(witness.written.err).toContain('was not shown to go on')
  })

  it('says what to do when the witness does not know the log or its key', async () => {
    const witness = await start({ log: [vkeyOf(new SignedLog('a/b').key)] })
    const side = gateway(witness, log)
    await side.push(5)
    expect(side.standing().trouble).toMatchObject({ is: 'refused', why: expect.stringContaining('--log') as string })
  })
})
