// Loaded into every Node process that a test starts (NODE_OPTIONS, see setup.ts): records only where that process becomes a gateway.

import { isMainThread } from 'node:worker_threads'
import { installHooks } from './hooks.ts'
import { EgressRecorder } from './recorder.ts'
import { FILE_VARIABLE, FOLDER_VARIABLE, reportWriter } from './report-folder.ts'

/** How much of a process that is killed goes unjudged. */
const EVERY_MS = 500

const folder = process.env[FOLDER_VARIABLE]
if (folder !== undefined && isMainThread) {
  const recorder = new EgressRecorder()
  installHooks(recorder)
  const file = process.env[FILE_VARIABLE] ?? 'unknown test'
  const write = reportWriter(folder)
  const tell = (): void => {
    if (recorder.gateways > 0) write(recorder.report(file))
  }
  setInterval(tell, EVERY_MS).unref()
  process.on('exit', tell)
}
