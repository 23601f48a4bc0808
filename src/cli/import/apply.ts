// Carries a plan out. Order: backups, secrets, journal, gatehouse.yaml, hosts. Cut short anywhere, what was there before is still there or in a backup.

import { dirname } from 'node:path'
import { backUp, makePrivateFolder, readIfThere, writeAtomic } from '../files.ts'
import { digestOf, writeJournal } from './journal.ts'
import type { JournalFile } from './journal.ts'
import type { Plan, PlannedFile } from './model.ts'

export type Applied = { readonly journal: string; readonly backups: readonly string[] } | { readonly changed: string }

/** `changed` names a file that is not as the plan found it any more; then nothing was written. */
export async function applyPlan(plan: Plan, dataDir: string, now: number): Promise<Applied> {
  const files: readonly (PlannedFile & { readonly kind: JournalFile['kind'] })[] = [
    ...(plan.config ? [{ ...plan.config, kind: 'config' as const }] : []),
    ...plan.hosts.map(host => ({ ...host, kind: 'host' as const })),
  ]
  for (const file of files) if (!(await isAsPlanned(file))) return { changed: file.path }
  const entries: JournalFile[] = []
  for (const { kind, path, before, after } of files) {
    entries.push({ kind, path, backup: await backUp(path, before, now), before: digestOf(before), after: digestOf(after) })
  }
  for (const secret of plan.secrets) {
    await makePrivateFolder(dirname(secret.file))
    await writeAtomic(secret.file, `${secret.text}\n`)
  }
  const journal = await writeJournal(dataDir, {
    version: 1,
    at: new Date(now).toISOString(),
    state: 'applied',
    files: entries,
    secrets: plan.secrets.map(({ file, text }) => ({ path: file, digest: digestOf(`${text}\n`) })),
  })
  for (const file of files) {
    // A host may save its own file at any moment; the narrower the gap, the better.
    if (!(await isAsPlanned(file)))
      throw new Error(`\`${file.path}\` changed meanwhile and was left alone; \`gatehouse import --undo\` takes back the rest`)
    await writeAtomic(file.path, file.after)
  }
  return { journal, backups: entries.map(entry => entry.backup) }
}

async function isAsPlanned({ path, before }: PlannedFile): Promise<boolean> {
  return (await readIfThere(path))?.bytes.equals(before) ?? false
}
