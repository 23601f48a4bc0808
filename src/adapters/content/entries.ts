// What an archive may hold: files and folders with plain relative names, each once. Whatever else it says of itself is not done.

import { isUtf8 } from 'node:buffer'
import { shown } from '../../trust/denial.ts'
import { refused } from './refusal.ts'

/** One file or folder. `path`: names joined by `/`, never absolute, never upwards. */
export type ArchiveEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly isExecutable: boolean; readonly bytes: () => Buffer }

const MAX_PATH = 1024
const MAX_NAME = 255

/** The names of a path inside an archive; attacker-controlled. A trailing `/` is dropped, a leading `./` too. Throws Refusal. */
export function namesOf(raw: Buffer): readonly string[] {
  if (raw.length > MAX_PATH || !isUtf8(raw)) throw refused('archive-entry', `expected names of at most ${MAX_PATH} bytes of UTF-8`)
  const path = raw.toString('utf8')
  const names = path.replace(/\/$/, '').split('/')
  if (names.length > 1 && names[0] === '.') names.shift()
  for (const name of names)
    if (name === '' || name === '.' || name === '..' || /[\u0000-\u001f\u007f\\]/.test(name) || Buffer.byteLength(name) > MAX_NAME)
      throw refused('archive-entry', `${shown(path)} is no plain name inside of the archive`)
  return names
}

/** Remembers what was there: two entries for one place would leave it to chance which counts. Case and Unicode form do not tell places apart. */
export class Places {
  readonly #kinds = new Map<string, ArchiveEntry['kind']>()
  readonly #most: number
  readonly #deepest: number

  constructor(limits: { readonly entries: number; readonly depth: number }) {
    this.#most = limits.entries
    this.#deepest = limits.depth
  }

  /** A folder may be named again, a file may not; nothing lies inside of a file. Throws Refusal. */
  add(names: readonly string[], kind: ArchiveEntry['kind']): void {
    if (names.length > this.#deepest) throw refused('archive-size', `expected at most ${this.#deepest} folders in one another`)
    let place = ''
    for (const [i, name] of names.entries()) {
      place += `/${fold(name)}`
      const isLast = i === names.length - 1
      const before = this.#kinds.get(place)
      if (before === 'file' || (before === 'folder' && isLast && kind === 'file'))
        throw refused('archive-entry', `${shown(names.join('/'))} stands there twice, or inside of a file`)
      if (before === undefined) this.#kinds.set(place, isLast ? kind : 'folder')
    }
    if (this.#kinds.size > this.#most) throw refused('archive-size', `expected at most ${this.#most} files and folders`)
  }
}

/** One name for all spellings that some file system takes for the same. */
export const fold = (name: string): string => name.normalize('NFC').toLowerCase()
