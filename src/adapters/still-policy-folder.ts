// A folder of policies as it was at one moment, and whether it is another by now.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_FILES, readPolicyFolder, SETS, type PolicyFolder } from './policy-folder.ts'

/** How often a folder is read again that changes meanwhile. */
const MAX_READS = 5

/** The same, as it was at one moment: files of before and after a change never make one set. Never rejects. */
export async function readStillFolder(
  dir: string,
  read: (dir: string) => Promise<PolicyFolder> = readPolicyFolder,
): Promise<{ readonly folder: PolicyFolder; readonly fingerprint: string }> {
  let before = await fingerprintOfFolder(dir)
  for (let reads = 1; ; reads += 1) {
    const folder = await read(dir)
    const after = await fingerprintOfFolder(dir)
    if (after === before) return { folder, fingerprint: after }
    before = after
    if (reads < MAX_READS) continue
    const fault = {
      file: '',
      line: 0,
      column: 0,
      message: 'the folder changes while it is read',
      fix: 'replace it whole, by moving a link',
    }
    return { folder: { ...folder, policies: [], cases: [], schema: undefined, faults: [fault] }, fingerprint: after }
  }
}

/**
 * Differs whenever the folder, or what its links lead to, may differ: names, device, inode, size and times of every file. Never rejects. Bounded like the
 * folder itself.
 */
export async function fingerprintOfFolder(dir: string): Promise<string> {
  const lines: string[] = []
  for (const folder of ['', ...SETS, 'tests']) {
    const names = await readdir(join(dir, folder)).catch(() => ['unreadable'])
    for (const name of names.slice(0, MAX_FILES).sort()) {
      const now = await stat(join(dir, folder, name), { bigint: true }).catch(() => undefined)
      lines.push(`${folder}/${name} ${now ? `${now.dev} ${now.ino} ${now.size} ${now.mtimeNs} ${now.ctimeNs}` : 'unreadable'}`)
    }
  }
  return lines.join('\n')
}
