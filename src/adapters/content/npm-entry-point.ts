// Which file of an installed npm package is run: its one program, or the one that is named like it.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { deny, shown, type Denial } from '../../trust/denial.ts'
import { jsonAt, objectAt, reading, type Members } from '../../trust/shape.ts'
import { namesOf } from './entries.ts'
import { readInstalled } from './read-installed.ts'
import { refusing } from './refusal.ts'
import type { ServerPackage } from './server-package.ts'

const MAX_PACKAGE_JSON = 256 * 1024
const EXTENSIONS = /\.[cm]?js$/

/** The absolute path of the script. `folder`: where everything is installed. */
export async function npmEntryPoint(folder: string, { identifier, version }: ServerPackage): Promise<string | Denial> {
  const own = join(folder, 'node_modules', identifier)
  const bytes = await readInstalled(join(own, 'package.json'), MAX_PACKAGE_JSON)
  if (!bytes) return deny('manifest-invalid', 'it has no package.json of at most 256 KiB')
  const bin = reading(
    () => {
      const manifest = objectAt(jsonAt(bytes, 'package.json'), 'package.json')
      // The registry, the lock file and server.json call it so; a package that calls itself something else was packed for another name.
      if (manifest['name'] !== identifier || manifest['version'] !== version)
        return deny('manifest-invalid', `package.json: expected ${shown(`${identifier}@${version}`)}`)
      return binOf(manifest, identifier)
    },
    detail => deny('manifest-invalid', detail),
  )
  if (typeof bin !== 'string') return bin
  const names = refusing(() => namesOf(Buffer.from(bin)))
  if ('denied' in names) return deny('entry-point', `bin: ${names.detail}`)
  const script = join(own, ...names)
  return (await isScript(script)) ? script : deny('entry-point', `bin: ${shown(bin)} is no script for Node.js`)
}

function binOf({ bin, directories }: Members, name: string): string | Denial {
  const absent = deny('entry-point', 'package.json names no program (`bin`), or several and none like the package')
  if (bin === undefined && directories !== undefined) return absent
  if (typeof bin === 'string') return bin
  const all = Object.entries(objectAt(bin ?? {}, 'package.json: bin'))
  const own = name.replace(/^@.*\//, '')
  const [, chosen] = all.length === 1 ? (all[0] ?? []) : (all.find(([each]) => each === own) ?? [])
  return typeof chosen === 'string' ? chosen : absent
}

/** By its name, or by the line that says so. */
async function isScript(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'r')
    try {
      if (!(await handle.stat()).isFile()) return false
      if (EXTENSIONS.test(file)) return true
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0)
      return /^#!.*\bnode\b/.test(buffer.toString('latin1', 0, bytesRead).split('\n', 1)[0] ?? '')
    } finally {
      await handle.close()
    }
  } catch {
    return false // not there, or not readable
  }
}
