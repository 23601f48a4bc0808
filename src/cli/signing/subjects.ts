// What a statement is over: server.json, and every artifact and lock file it needs.

import type { Subject } from '../../trust/statement.ts'
import { type PresentedFiles } from './presented.ts'
import { UsageError } from '../usage.ts'

/** Throws UsageError for what was not named on the command line. */
export function subjectsOf({ document, presented }: PresentedFiles): Subject[] {
  const subjects: Subject[] = [{ name: 'server.json', digest: { sha256: document.digest } }]
  const locks = new Set<string>()
  for (const { purl, algorithm, lock } of document.artifacts) {
    const digest = presented.artifacts.get(purl)
    if (digest === undefined) throw new UsageError(`--artifact is needed for ${purl}`)
    subjects.push({ name: purl, digest: { [algorithm]: digest } })
    if (lock) locks.add(lock)
  }
  for (const name of locks) {
    const digest = presented.locks.get(name)
    if (digest === undefined)
      throw new UsageError(`--lock is needed with a file ${name}: the artifact alone says nothing of what it depends on`)
    subjects.push({ name, digest: { sha256: digest } })
  }
  return subjects
}
