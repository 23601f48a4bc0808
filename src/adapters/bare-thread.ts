// What threads of the gateway start with, whatever they do.

import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import type { WorkerOptions } from 'node:worker_threads'

/**
 * No flags, and nothing of the environment, which holds secrets, but the folder where compiled code is kept (cli/compile-cache.ts): a thread does not inherit
 * it, and without it each compiles its modules anew, three quarters of its start.
 */
export function bareThread(): Pick<WorkerOptions, 'execArgv' | 'env'> {
  const ours = getCompileCacheDir() // of this version of Node, below the folder
  return { execArgv: [], env: ours === undefined ? {} : { NODE_COMPILE_CACHE: dirname(ours) } }
}
