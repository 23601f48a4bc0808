// Around a whole run (vitest.config.ts): a folder for what the processes record, and at the end one line about all of it.

import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EgressReport } from './recorder.ts'
import { LONG } from '../sizes.ts'
import { FOLDER_VARIABLE, leaksOf, readReports } from './report-folder.ts'

export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-egress-'))
  process.env[FOLDER_VARIABLE] = folder
  return () => {
    const reports = readReports(folder)
    rmSync(folder, { recursive: true, force: true })
    const { line, faults } = summaryOf(reports, globSync('test/**/*.test.ts', { exclude: LONG }).length)
    console.log(line)
    if (faults.length === 0) return
    for (const fault of faults) console.error(fault)
    process.exitCode = 1
  }
}

/** The line, and why the run fails. A run of every test file of the short size must have seen gateways, secrets and bytes of every kind: silence would prove nothing. */
export function summaryOf(
  reports: readonly EgressReport[],
  testFiles: number,
): { readonly line: string; readonly faults: readonly string[] } {
  const sum = (of: (report: EgressReport) => number): number => reports.reduce((total, report) => total + of(report), 0)
  const totals = {
    'host tokens': sum(r => r.hostTokens),
    'upstream credentials': sum(r => r.upstreamCredentials),
    'bytes to upstreams': sum(r => r.bytes['to-upstream']),
    'bytes to hosts': sum(r => r.bytes['to-host']),
  }
  const excuses = [...new Set(reports.flatMap(({ excused }) => Object.keys(excused)))].sort()
  const leaks = leaksOf(reports)
  const files = new Set(reports.map(({ file }) => file)).size
  const isWhole = files >= testFiles
  // Reports of test files themselves, and of processes they started.
  const children = sum(r => (r.gateways > 0 ? 1 : 0))
  const missing = Object.entries({ ...totals, gateways: sum(r => r.gateways), processes: children })
    .filter(([, count]) => count === 0)
    .map(([what]) => `egress: the whole suite ran and no ${what} were recorded: the recorder does not see the gateways`)
  const counted = Object.entries(totals).map(([what, count]) => `${count.toLocaleString('en')} ${what}`)
  return {
    line:
      `egress: ${counted.join(', ')}, ${leaks.length} leaks (${sum(r => r.gateways)} gateways in ${files} of ${testFiles} test files` +
      `${excuses.length > 0 ? `; excused: ${excuses.map(why => `${why} x${sum(r => r.excused[why] ?? 0)}`).join('; ')}` : ''})`,
    faults: [...leaks, ...(isWhole ? missing : [])],
  }
}
