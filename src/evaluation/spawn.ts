// The gateway's side of the evaluation identity provider: starts it in a process of its own, tells it of reloads, ends it.

import { fork, type ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { providerSettings, type ProviderSettings } from './settings.ts'

/** Gateway to provider. */
export type ToProvider = { readonly type: 'start' | 'configure'; readonly settings: ProviderSettings }
/** Provider to gateway. `failed`: it did not start, or refused a new configuration and ended. */
export type FromProvider =
  { readonly type: 'ready'; readonly issuer: string } | { readonly type: 'failed'; readonly code: string; readonly why: string }

export type SpawnOptions = {
  /** lines the provider prints; default: standard error */
  readonly onLine?: (line: string) => void
  /** default 10,000 */
  readonly startMs?: number
}

export type EvaluationProcess = {
  readonly issuer: string
  readonly pid: number
  /** false once the process ended, for whatever reason */
  readonly isAlive: boolean
  /** resolves when the process is gone */
  readonly gone: Promise<void>
  /** tells it of a reload; a configuration without an evaluation provider, or one it must refuse, ends it */
  configure(snapshot: Snapshot): void
  /** resolves when the process is gone */
  stop(): Promise<void>
}

/** Resolves when the provider listens. Throws Fault `evaluation-refused` or `evaluation-failed`, which say what to mend. */
export async function spawnEvaluationProvider(snapshot: Snapshot, options: SpawnOptions = {}): Promise<EvaluationProcess> {
  const settings = providerSettings(snapshot)
  if (!settings) throw new Fault('evaluation-failed', 'the configuration names no evaluation identity provider')
  const child = start()
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  relayLines(child, options.onLine ?? (line => process.stderr.write(`${line}\n`)))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone
  }
  const { issuer, pid } = await ready(child, settings, options.startMs ?? 10_000).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    issuer,
    pid,
    get isAlive() {
      return child.exitCode === null && child.signalCode === null
    },
    gone,
    configure: next => configure(child, next),
    stop,
  }
}

// Nothing of the gateway's environment crosses over but what Node itself needs: no secret of an upstream stands there.
function start(): ChildProcess {
  const main = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url))
  // eslint-disable-next-line no-restricted-syntax -- handed on to the child, which refuses production by itself; not read here
  const { NODE_ENV, NODE_EXTRA_CA_CERTS, SystemRoot } = process.env
  return fork(main, [], { execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { NODE_ENV, NODE_EXTRA_CA_CERTS, SystemRoot } })
}

function configure(child: ChildProcess, snapshot: Snapshot): void {
  const settings = providerSettings(snapshot)
  if (!settings) child.kill('SIGTERM')
  else if (child.connected) child.send({ type: 'configure', settings } satisfies ToProvider)
}

function ready(child: ChildProcess, settings: ProviderSettings, startMs: number): Promise<{ issuer: string; pid: number }> {
  return new Promise((resolve, reject) => {
    const fail = (code: string, why: string): void => {
      clearTimeout(timer)
      reject(new Fault(code, why))
    }
    const timer = setTimeout(() => fail('evaluation-failed', 'the evaluation identity provider did not start in time'), startMs)
    child.once('error', () => fail('evaluation-failed', 'the evaluation identity provider cannot be started'))
    child.once('exit', () => fail('evaluation-failed', 'the evaluation identity provider ended while it started'))
    child.once('message', (message: FromProvider) => {
      clearTimeout(timer)
      if (message.type === 'ready') resolve({ issuer: message.issuer, pid: child.pid ?? 0 })
      else fail(message.code, message.why)
    })
    child.send({ type: 'start', settings } satisfies ToProvider)
  })
}

function relayLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      for (const line of text.split('\n')) if (line !== '') onLine(line.slice(0, 1000))
    })
  }
}
