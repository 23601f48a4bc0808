// The thread that alone writes state.db. It answers one group after the other, and folds the write-ahead log in once nothing was asked for a while.

import { parentPort, workerData } from 'node:worker_threads'
import { Fault } from '../../kernel/errors.ts'
import { StateFile } from './state-file.ts'
import type { FromWorker, ToWorker, WorkerSettings } from './state-messages.ts'

const port = parentPort
const { file, migrations, quietMs } = workerData as WorkerSettings
const tell = (message: FromWorker): void => port?.postMessage(message)

function open(): StateFile | undefined {
  try {
    return StateFile.open(file, migrations, Math.floor(Date.now() / 1000))
  } catch (error) {
    const { code, message } = error instanceof Fault ? error : new Fault('state-unavailable', 'the state database cannot be opened')
    tell({ type: 'failed', code, message })
    return undefined
  }
}

const state = open()
if (state && port) {
  let quiet: NodeJS.Timeout | undefined
  const rest = (): void => {
    quiet = setTimeout(() => state.fold() || rest(), quietMs)
  }
  port.on('message', (message: ToWorker) => {
    clearTimeout(quiet)
    if (message.type === 'close') {
      state.close()
      port.close()
      return
    }
    tell({ type: 'answers', answers: state.run(message.group) })
    rest()
  })
  tell({ type: 'ready' })
}
