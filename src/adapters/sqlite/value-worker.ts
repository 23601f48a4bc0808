// The thread that alone opens audit-values.db and the key that wraps it. The database is opened at the first question; while it cannot be, each one fails and the next tries.

import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { loadAuditValueKeys, rotateAuditValueKeys } from '../keys.ts'
import { ValueFile } from './value-file.ts'
import type { FromValueWorker, ToValueWorker, ValueAnswer, ValueWorkerData } from './value-messages.ts'

const { dataDir } = workerData as ValueWorkerData
const port = parentPort
let opened: ValueFile | undefined

const file = (): ValueFile =>
  (opened ??= ValueFile.open(join(dataDir, 'audit-values.db'), {
    load: () => loadAuditValueKeys(dataDir),
    rotate: () => rotateAuditValueKeys(dataDir),
  }))

function answer(asked: ToValueWorker): ValueAnswer {
  switch (asked.type) {
    case 'keep': {
      // A Buffer arrives as the bytes it is made of.
      const group = asked.group.map(({ salt, bytes, ...value }) => ({
        ...value,
        salt: Buffer.from(salt),
        ...(bytes && { bytes: Buffer.from(bytes) }),
      }))
      file().keep(group)
      return { type: 'kept' }
    }
    case 'read':
      return { type: 'found', found: file().read(asked.which) }
    case 'count':
      return { type: 'counted', count: file().count(asked.subject) }
    case 'erase':
      return { type: 'counted', count: file().erase(asked.subject) }
    case 'rotate':
      return { type: 'rotated', ...file().rotate() }
    case 'close':
      opened?.close()
      return { type: 'closed' }
  }
}

function tell(asked: ToValueWorker): FromValueWorker {
  try {
    return answer(asked)
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : 'recorded values cannot be read or written' }
  }
}

port?.on('message', (asked: ToValueWorker) => {
  port.postMessage(tell(asked))
  if (asked.type === 'close') port.close()
})
