// Loaded into every Node process that a test starts (NODE_OPTIONS, see setup.ts): records only where that process becomes a gateway.

import { isMainThread } from 'node:worker_threads'
import { installHooks } from './hooks.ts'
import { EgressRecorder } from './recorder.ts'
import { FILE_VARIABLE, FOLDER_VARIABLE, reportWriter } from './report-folder.ts'

/** What a process that is killed sent in its last moment goes unjudged: so long a moment. */
const DELAY_MS = 50

const folder = process.env[FOLDER_VARIABLE]
if (folder !== undefined && isMainThread) {
  const recorder = new EgressRecorder()
  installHooks(() => recorder)
  const file = process.env[FILE_VARIABLE] ?? 'unknown test'
  const write = reportWriter(folder)
  const tell = (): void => {
    if (recorder.gateways > 0) write(recorder.report(file))
  }
  let timer: NodeJS.Timeout | undefined
  recorder.onKept = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      tell()
    }, DELAY_MS).unref()
  }
  process.on('exit', tell)
}
