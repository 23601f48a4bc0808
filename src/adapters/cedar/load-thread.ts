// Loads policies in a thread of its own. A thread that does not answer, or dies, is a fault like any other: what was in force stays.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { bareThread } from '../bare-thread.ts'
import type { LoadJob, Loaded } from './load-messages.ts'

const DEADLINE_MS = 60_000

const failed = (message: string): Loaded => ({ faults: [{ file: '', line: 0, column: 0, message }] })

/** Never rejects. */
export function loadInThread(job: LoadJob, deadlineMs = DEADLINE_MS): Promise<Loaded> {
  return new Promise(resolve => {
    const worker = new Worker(new URL(`./load-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: job,
      ...bareThread(), // it reads files of people, and needs nothing of the gateway's
      stderr: true,
    })
    const settle = (answer: Loaded): void => {
      clearTimeout(deadline)
      resolve(answer)
      void worker.terminate()
    }
    const deadline = setTimeout(() => settle(failed(`were not loaded within ${deadlineMs / 1000} seconds`)), deadlineMs)
    worker.once('message', settle)
    worker.once('error', () => settle(failed('could not be loaded: their thread failed')))
    worker.once('exit', () => settle(failed('could not be loaded: their thread ended')))
  })
}
