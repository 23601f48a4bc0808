// The process of the evaluation identity provider. Spawned by spawn.ts, told everything over IPC, gone when its parent is.

import { Fault } from '../kernel/errors.ts'
import { startProvider, type EvaluationProvider } from './provider.ts'
import { WARNING, type ProviderSettings } from './settings.ts'
import type { FromProvider, ToProvider } from './spawn.ts'

// eslint-disable-next-line no-restricted-syntax -- an entry point of its own: the refusal must not depend on what the parent says
const nodeEnv = process.env['NODE_ENV']

let provider: EvaluationProvider | undefined

const tell = (message: FromProvider, then: () => void = () => {}): void => void process.send?.(message, then)

/** Says why and ends: half a provider is none. */
function fail(error: unknown): void {
  const code = error instanceof Fault ? error.code : 'evaluation-failed'
  const why = error instanceof Error ? error.message : 'the evaluation identity provider failed'
  process.stderr.write(`evaluation identity provider: ${why}\n`)
  tell({ type: 'failed', code, why }, () => process.exit(1))
}

async function start(settings: ProviderSettings): Promise<void> {
  provider = await startProvider(settings, { now: Date.now, nodeEnv })
  process.stdout.write(`evaluation identity provider at ${provider.issuer}. ${WARNING}\n`)
  tell({ type: 'ready', issuer: provider.issuer })
}

if (process.send === undefined) {
  process.stderr.write('the evaluation identity provider is started by `gatehouse serve`, not by hand\n')
  process.exit(1)
}
process.on('message', (message: ToProvider) => {
  if (message.type === 'start') start(message.settings).catch(fail)
  else
    try {
      provider?.configure(message.settings)
    } catch (error) {
      fail(error)
    }
})
// The channel closes with the parent, however it ends; Ctrl-C in a terminal reaches both, and the parent drains first.
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {})
