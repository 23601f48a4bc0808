// For every test file (vitest.config.ts): records what gateways send, here and in processes the tests start, and fails the file when a secret went where it must not.

import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { installHooks } from './hooks.ts'
import { EgressRecorder, type Excuse } from './recorder.ts'
import { FILE_VARIABLE, FOLDER_VARIABLE, leaksOf, readReports, reportWriter } from './report-folder.ts'

/** One per process, which may run many test files: what is hooked once, and who listens now. */
type Watch = { recorder: EgressRecorder }
const KEY = Symbol.for('gatehouse.test.egress')
const holder = globalThis as { [KEY]?: Watch }
const PRELOAD = `--import=file://${join(import.meta.dirname, 'preload.ts')}`

/** Lets one thing pass, for the rest of this test file. `why` stands in the summary of the run. */
export const excuseEgress = (excuse: Excuse): void => holder[KEY]?.recorder.excuse(excuse)

const folder = process.env[FOLDER_VARIABLE]
if (folder !== undefined) {
  if (!holder[KEY]) {
    const watch = (holder[KEY] = { recorder: new EgressRecorder() })
    installHooks(() => watch.recorder)
    process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} ${PRELOAD}`
  }
  const watch = holder[KEY]
  watch.recorder = new EgressRecorder()
  let file = ''
  beforeAll(() => {
    file = relative(join(import.meta.dirname, '../../..'), expect.getState().testPath ?? 'unknown')
    process.env[FILE_VARIABLE] = file
  })
  afterAll(() => {
    reportWriter(folder)(watch.recorder.report(file))
    const leaks = leaksOf(readReports(folder).filter(report => report.file === file))
    if (leaks.length > 0) throw new Error(`secrets left the gateway:\n${leaks.join('\n')}`)
  })
}
