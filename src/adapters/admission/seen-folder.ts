// What servers were seen to list, kept in the data directory for reviewers: one private file per upstream, replaced whole.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SeenList, SeenSurfaces } from '../../admission/admissions.ts'
import {
  emptySeen,
  MAX_SEEN_BYTES,
  readSeen,
  seenText,
  withInstructions,
  withList,
  type SeenSurface,
} from '../../admission/seen-surface.ts'
import { readPrivate, replacePrivate } from '../private-text.ts'

export type SeenFolderOptions = {
  readonly dataDir: string
  /** wall clock, milliseconds */
  readonly now: () => number
  /** it could not be kept: a reviewer will not find it */
  readonly failed: (alias: string, cause: unknown) => void
}

const seenFile = (dataDir: string, alias: string): string => join(dataDir, 'seen', `${alias}.json`)

/** What was seen of an upstream; undefined where nothing was. Rejects with the Fault of a file that others could have written. */
export async function readSeenFile(dataDir: string, alias: string): Promise<SeenSurface | undefined> {
  const text = await readPrivate(seenFile(dataDir, alias), MAX_SEEN_BYTES)
  return text === undefined ? undefined : readSeen(Buffer.from(text), alias)
}

export class SeenFolder implements SeenSurfaces {
  readonly #options: SeenFolderOptions
  /** writes of one upstream follow each other */
  readonly #writing = new Map<string, Promise<void>>()

  constructor(options: SeenFolderOptions) {
    this.#options = options
  }

  keep(alias: string, seen: SeenList | { readonly instructions: string }): Promise<void> {
    const { failed } = this.#options
    const before = this.#writing.get(alias) ?? Promise.resolve()
    const write = before.then(() => this.#write(alias, seen)).catch((cause: unknown) => failed(alias, cause))
    this.#writing.set(alias, write)
    return write
  }

  /** Nothing is held in memory between two lists: a server that never drifts costs nothing here. */
  async #write(alias: string, seen: SeenList | { readonly instructions: string }): Promise<void> {
    const { dataDir, now } = this.#options
    const old = (await readSeenFile(dataDir, alias)) ?? emptySeen(alias)
    const next = 'kind' in seen ? withList(old, seen, Math.floor(now() / 1000)) : withInstructions(old, seen.instructions)
    if (next === old) return
    await mkdir(join(dataDir, 'seen'), { recursive: true, mode: 0o700 })
    await replacePrivate(seenFile(dataDir, alias), seenText(next))
  }
}
