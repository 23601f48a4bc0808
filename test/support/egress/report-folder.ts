// Where the processes of one test run leave what they recorded: one file each, written whole.

import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EgressReport } from './recorder.ts'

/** Names the folder, and the test file that started a process. */
export const FOLDER_VARIABLE = 'GATEHOUSE_TEST_EGRESS'
export const FILE_VARIABLE = 'GATEHOUSE_TEST_EGRESS_FILE'

/** A writer of this process's report; each call replaces the last one. */
export function reportWriter(folder: string): (report: EgressReport) => void {
  const file = join(folder, `${process.pid}-${randomBytes(6).toString('hex')}.json`)
  return report => {
    writeFileSync(`${file}.new`, JSON.stringify(report))
    renameSync(`${file}.new`, file)
  }
}

export const readReports = (folder: string): EgressReport[] =>
  readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as EgressReport)

/** One line per leak: test file, direction, peer, digest of the secret. Never the secret. */
export const leaksOf = (reports: readonly EgressReport[]): string[] =>
  reports.flatMap(({ file, leaks }) =>
    leaks.map(({ direction, peer, secret, learnt, form }) => {
      const what = direction === 'to-upstream' ? 'a host’s token' : 'an upstream credential'
      return `${file}: ${what} (${learnt}, sha256 ${secret}…, ${form}) ${direction === 'to-upstream' ? `went to ${peer}` : 'went to a host'}`
    }),
  )
