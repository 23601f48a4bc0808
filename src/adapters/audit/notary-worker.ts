// The notary's thread: wakes when lines have become durable, at most ten times a second, takes them into the tree and signs at most once a second.

import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { readVkey } from '../../audit/note.ts'
import { Fault } from '../../kernel/errors.ts'
import { answerAsk } from './log-reader.ts'
import { Notary } from './notary.ts'
import { unpacked, type FromNotary, type NotaryAnswer, type NotaryAsk, type NotaryData, type ToNotary } from './notary-messages.ts'
import { isBefore } from './segment-lines.ts'
import type { Witnesses } from './witness-client.ts'

const WAKE_MS = 100
const SIGN_MS = 1000
/** Lines between two looks at what else was asked: about 20 ms. */
const LINES_A_TURN = 4000

const port = parentPort
const { shared, ...settings } = workerData as NotaryData
const durable = new BigInt64Array(shared)
const monotonic = (): number => performance.now()
const tell = (message: FromNotary): void => port?.postMessage(message)
const durablePlace = () => unpacked(Atomics.load(durable, 0))

let isClosing = false
let witnesses: Witnesses | undefined
const offer = (notary: Notary): void => {
  if (notary.signed !== undefined) witnesses?.offer(notary.signed)
}
let troubled = ''

function open(carried: readonly string[]): Notary | undefined {
  try {
    return new Notary(settings, durablePlace(), monotonic, carried)
  } catch (error) {
    fail(error)
    return undefined
  }
}

/** Lines that cannot be read now are read another time; those read before them are leaves already. */
async function follow(notary: Notary): Promise<void> {
  try {
    while (!notary.follow(durablePlace(), LINES_A_TURN)) await turn()
  } catch (error) {
    passOver(error)
  }
}

/** Whether an older tile was indexed; false where none is left, or its lines cannot be read now. */
function indexed(notary: Notary): boolean {
  try {
    return notary.indexSome()
  } catch (error) {
    passOver(error)
    return false
  }
}

function sign(notary: Notary): void {
  try {
    const size = notary.sign(new Date().toISOString())
    troubled = ''
    offer(notary)
    tell({ type: 'signed', size, place: notary.place })
  } catch (error) {
    const fault = faultOf(error)
    if (fault.code === 'audit-changed') throw error
    // A full or slow disk: what was taken stays in memory.
    trouble(fault)
  }
}

function passOver(error: unknown): void {
  const fault = faultOf(error)
  if (fault.code !== 'audit-unreadable') throw error
  trouble(fault)
}

/** Told once, and tried again; the gateway refuses calls once it has lasted too long. */
function trouble({ code, message }: Fault): void {
  if (troubled !== message) tell({ type: 'trouble', code, message })
  troubled = message
}

async function work(notary: Notary): Promise<void> {
  let signedMs = -Infinity
  for (;;) {
    const seen = Atomics.load(durable, 0)
    const hasMore = isBefore(notary.place, unpacked(seen))
    if (!hasMore && !notary.isDue && !isClosing) {
      if (indexed(notary)) await turn()
      else await changeOf(seen)
      continue
    }
    if (!isClosing) await pause(WAKE_MS)
    const isLast = isClosing
    await follow(notary)
    if (notary.isDue && (isLast || monotonic() - signedMs >= SIGN_MS)) {
      signedMs = monotonic()
      sign(notary)
    } else if (!notary.isDue) tell({ type: 'signed', size: notary.size, place: notary.place })
    if (isLast) return
  }
}

/** Until the gateway says that more is durable, or that it closes. */
async function changeOf(seen: bigint): Promise<void> {
  const change = Atomics.waitAsync(durable, 0, seen)
  if (change.async) await change.value
}

let wake: () => void = () => {}
const pause = (ms: number): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })

function fail(error: unknown): void {
  const { code, message } = faultOf(error)
  tell({ type: 'failed', code, message })
  port?.close()
}

const faultOf = (error: unknown): Fault =>
  error instanceof Fault
    ? error
    : new Fault('audit-unavailable', `the notary failed (${error instanceof Error ? error.message : 'unknown error'})`, { cause: error })

/** Loaded only where there is somebody to send to. What a witness does, or does not, never stops anything here. */
async function witnessesOf(notary: Notary): Promise<Witnesses | undefined> {
  const { witnesses: given = [], outbound } = settings
  if (given.length === 0) return undefined
  const [{ Witnesses: Asking }, { createSafeFetch }] = await Promise.all([import('./witness-client.ts'), import('../safe-fetch.ts')])
  const targets = given.flatMap(({ url, key }) => {
    const read = readVkey(key)
    return typeof read === 'string' ? [] : [{ url, key: read }]
  })
  const own = targets
    .map(({ url }) => new URL(url))
    .map(({ hostname, port: at, protocol }) => `${hostname}:${at || (protocol === 'https:' ? 443 : 80)}`)
  return new Asking({
    fetch: createSafeFetch({ namedHosts: [...own, ...(outbound?.hosts ?? [])], networks: outbound?.networks ?? [] }),
    targets,
    prove: (from, to) => notary.prove(from, to),
    onCosigned: ({ size }, line, by) => {
      try {
        notary.witnessed(size, line, by)
      } catch (error) {
        tell({ type: 'trouble', code: 'audit-unavailable', message: faultOf(error).message })
      }
    },
    onTrouble: (name, trouble) => tell({ type: 'witness', name, ...trouble }),
  })
}

async function run(carried: readonly string[]): Promise<void> {
  const notary = open(carried)
  if (notary === undefined) return
  port?.on('message', (message: ToNotary) => {
    if (message.type === 'close') {
      isClosing = true
      wake()
      Atomics.notify(durable, 0)
    } else if (message.type === 'ask') answer(notary, message)
  })
  const { origin, vkeys } = notary.log
  const { isNew, ended, place, found } = notary
  const unsaidKey = notary.keys.unsaid(notary.log)
  tell({ type: 'ready', isNew, isCovered: !notary.isDue, place, found, origin, vkey: vkeys.at(-1) ?? '', ended, unsaidKey })
  // Beside the work: messages of the gateway are heard meanwhile.
  void witnessesOf(notary)
    .then(found => {
      witnesses = isClosing ? undefined : found
      offer(notary)
    })
    .catch((error: unknown) => tell({ type: 'trouble', code: 'audit-unavailable', message: faultOf(error).message }))
  try {
    await work(notary)
    witnesses?.stop()
    notary.close()
    tell({ type: 'closed' })
    port?.close()
  } catch (error) {
    witnesses?.stop()
    notary.close()
    fail(error)
  }
}

function answerOf(notary: Notary, ask: NotaryAsk): NotaryAnswer {
  if (ask.what === 'prune') return notary.prune(ask)
  return ask.what === 'rotate-key' ? notary.keys.rotate() : answerAsk(notary.log, ask, monotonic)
}

function answer(notary: Notary, { ask }: Extract<ToNotary, { type: 'ask' }>): void {
  try {
    // Whoever asks sees what was durable when they asked, unless there is a lot of it.
    notary.follow(durablePlace(), LINES_A_TURN)
    tell({ type: 'answer', answer: answerOf(notary, ask) })
  } catch (error) {
    const { code, message } = faultOf(error)
    tell({ type: 'refused', code: code === 'audit-unavailable' ? 'audit-unreadable' : code, message })
  }
}

// The gateway says when the tail of the log has been checked: only then is there a place to read up to.
port?.once('message', (message: ToNotary) => {
  if (message.type === 'begin') void run(message.carried)
  else port.close() // the log was never opened: it is not this process's to touch
})
