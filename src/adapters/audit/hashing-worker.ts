// The thread of hashed-records.ts: two stretches, then one more for each that was taken.

import { parentPort, workerData } from 'node:worker_threads'
import { stretchesOf, type RecordRange } from './hashed-records.ts'

const stretches = stretchesOf(workerData as RecordRange)
const next = (): void => {
  const got = stretches.next()
  if (got.done === true) return
  const { bytes, ends, leaves } = got.value
  parentPort?.postMessage(got.value, [bytes.buffer as ArrayBuffer, ends.buffer as ArrayBuffer, leaves.buffer as ArrayBuffer])
}
parentPort?.on('message', next)
next()
next()
