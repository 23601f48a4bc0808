// The bench's side of the load generator: one process for a whole run, so that every target meets the same warm generator.

import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { LoadJob, LoadResult } from '../load.ts'
import { pinSelf } from './processes.ts'

export class Loader {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (result: LoadResult) => void; reject: (error: Error) => void }>()
  #number = 0

  constructor() {
    pinSelf('load')
    this.#child = fork(join(import.meta.dirname, '../load.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (message: { number: number; result?: LoadResult; error?: string }) => {
      const wait = this.#waiting.get(message.number)
      this.#waiting.delete(message.number)
      if (message.result) wait?.resolve(message.result)
      else wait?.reject(new Error(message.error))
    })
    this.#child.on('exit', code => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the load generator ended with ${code}`))
    })
  }

  run(job: LoadJob): Promise<LoadResult> {
    const number = (this.#number += 1)
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject })
      this.#child.send({ number, job })
    })
  }

  close(): void {
    this.#child.disconnect()
  }
}
