// `gatehouse witness`: cosigns checkpoints of logs it was told about, and keeps and tells what contradicts what it saw.

import { createPrivateKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createPrivate } from '../adapters/private-text.ts'
import { WitnessFile } from '../adapters/sqlite/witness-file.ts'
import { isKeyName, noteKey, readVkey, vkeyOf, type NoteKey } from '../audit/note.ts'
import type { LogIdentity } from '../audit/checkpoint.ts'
import { MAX_ADD_BYTES, witness, type WitnessAnswer, type WitnessParts } from '../audit/witnessing.ts'
import { isLoopback } from '../config/addresses.ts'
import { createWitnessServer, type WitnessReply } from '../http/witness-server.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { WitnessAlarm } from './witness-alarm.ts'
import { tellingUsage, UsageError } from './usage.ts'

export const run = tellingUsage('witness', async args => {
  const running = await startWitness(args)
  const { url, vkey, logs } = running
  args.io.out(
    args.json
      ? `${JSON.stringify({ event: 'ready', url, vkey, logs })}\n`
      : `key        ${vkey}\nlistening  ${url}\nlogs       ${logs.join(', ')}\n\nIn the configuration of a gateway:\n\naudit:\n  witnesses:\n    - url: ${url}\n      key: ${vkey}\n`,
  )
  await new Promise<void>(stop => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop())
  })
  await running.stop()
  return EXIT.ok
})

/** `url` without a slash at its end; `logs`: the origins. */
export type RunningWitness = { readonly url: string; readonly vkey: string; readonly logs: readonly string[]; stop(): Promise<void> }

/** Throws UsageError for what the command line got wrong. */
export async function startWitness(args: CommandArgs): Promise<RunningWitness> {
  const { io } = args
  const name = args.text('name')
  if (name === undefined || !isKeyName(name))
    throw new UsageError('--name: expected a name without spaces and plus signs, such as witness.example.com/1')
  const logs = logsOf(args.list('log'))
  const { host, port } = listenOf(args.text('listen') ?? '127.0.0.1:8791')
  const tls = await tlsOf(args)
  if (!tls && !isLoopback(host))
    io.err(
      'warning: without --tls-cert other machines have to be kept away from this address by a proxy that speaks TLS: gateways send to https alone\n',
    )
  const folder = resolve(io.cwd, args.text('folder') ?? 'witness')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const privateKey = await witnessKey(join(folder, 'witness.key'))
  const memory = WitnessFile.open(folder, name, () => io.now())
  const parts: WitnessParts = { logs, signer: { name, privateKey }, memory, now: () => io.now() }
  const origins = new Map([...logs.keys()].map(origin => [hash('sha256', origin, 'hex'), origin]))
  const alarm = new WitnessAlarm(args, folder)
  const server = createWitnessServer({
    add: body => {
      const answer = witness(body, parts)
      if ('refused' in answer) alarm.raise(answer.refused)
      return replyOf(answer)
    },
    latest: originHash => memory.latest(origins.get(originHash) ?? '')?.note,
    maxBytes: MAX_ADD_BYTES,
    onFault: cause => io.err(`a request failed, and nothing was signed: ${cause instanceof Error ? cause.message : 'unknown error'}\n`),
    ...(tls && { tls }),
  })
  try {
    await listening(server, host, port)
  } catch (error) {
    memory.close()
    throw error
  }
  const bound = server.address()
  const at = typeof bound === 'object' && bound !== null ? bound.port : port
  return {
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${at}`,
    vkey: vkeyOf(noteKey(name, 0x04, privateKey)),
    logs: [...logs.keys()],
    stop: async () => {
      const closed = new Promise(done => server.close(done))
      server.closeAllConnections()
      await closed
      memory.close()
    },
  }
}

/** By origin, which is the name in the key; several keys of one log are its old and its new one. */
function logsOf(vkeys: readonly string[]): ReadonlyMap<string, LogIdentity> {
  if (vkeys.length === 0) throw new UsageError('--log: expected the key of at least one log, as `gatehouse audit key` prints it')
  const logs = new Map<string, { origin: string; keys: NoteKey[] }>()
  for (const text of vkeys) {
    const key = readVkey(text)
    if (typeof key === 'string') throw new UsageError(`--log: ${key}`)
    if (key.type !== 0x01) throw new UsageError(`--log: \`${key.name}\` is the key of a witness, not of a log`)
    const log = logs.get(key.name) ?? { origin: key.name, keys: [] }
    log.keys.push(key)
    logs.set(key.name, log)
  }
  return logs
}

function listenOf(text: string): { readonly host: string; readonly port: number } {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? []
  const host = six ?? four
  if (host === undefined || Number(digits) > 65_535) throw new UsageError('--listen: expected HOST:PORT')
  return { host, port: Number(digits) }
}

async function tlsOf(args: CommandArgs): Promise<{ readonly cert: Buffer; readonly key: Buffer } | undefined> {
  const cert = args.text('tls-cert')
  const key = args.text('tls-key')
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) throw new UsageError('--tls-cert and --tls-key: expected both or neither')
  return { cert: await readFile(resolve(args.io.cwd, cert)), key: await readFile(resolve(args.io.cwd, key)) }
}

/** Ed25519 in PKCS #8 PEM, 0600, made at the first start. */
async function witnessKey(path: string): Promise<KeyObject> {
  const fresh = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  const key = createPrivateKey(await createPrivate(path, fresh.toString(), 4096))
  if (key.asymmetricKeyType !== 'ed25519') throw new UsageError(`\`${path}\` holds no Ed25519 key`)
  return key
}

function replyOf(answer: WitnessAnswer): WitnessReply {
  const type = 'text/plain; charset=utf-8'
  if (answer.status === 200) return { status: 200, type, body: answer.lines }
  if (answer.status === 409) return { status: 409, type: 'text/x.tlog.size', body: `${answer.size}\n` }
  return { status: answer.status, type, body: `${answer.why}\n` }
}

const listening = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      done()
    })
  })
