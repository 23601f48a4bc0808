// What was installed, `<dataDir>/trust/content.json`: the digest of each tree, so that a start compares it with what lies there. No backup holds it.

import { join } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import { readSyncedFile, replaceSyncedFile } from '../synced-file.ts'

/** `artifact`: package URL, for people who read the file. */
export type ContentRecord = { readonly treeDigest: string; readonly artifact: string }

const MAX_BYTES = 16 * 1024 * 1024
const DIGEST = /^[0-9a-f]{64}$/

export class ContentRecords {
  readonly #file: string
  readonly #records: Map<string, ContentRecord>

  /** Absent means that nothing was installed. Throws Fault `content-invalid` where it is damaged, or others could have written it. */
  constructor(trustFolder: string) {
    this.#file = join(trustFolder, 'content.json')
    const bytes = readSyncedFile(this.#file, 'content', MAX_BYTES)
    this.#records = bytes === undefined ? new Map<string, ContentRecord>() : readRecords(bytes, this.#file)
  }

  of(id: string): ContentRecord | undefined {
    return this.#records.get(id)
  }

  /** Durable when it returns. Throws Fault `content-unwritable`; then the record is as before. */
  set(id: string, record: ContentRecord): void {
    const next = new Map(this.#records).set(id, record)
    replaceSyncedFile(this.#file, 'content', `${JSON.stringify({ version: 1, trees: Object.fromEntries(next) }, undefined, 2)}\n`)
    this.#records.set(id, record)
  }
}

function readRecords(bytes: Buffer, file: string): Map<string, ContentRecord> {
  try {
    const { version, trees } = JSON.parse(bytes.toString('utf8')) as Readonly<Record<string, unknown>>
    if (version !== 1 || typeof trees !== 'object' || trees === null) throw new TypeError('unexpected members')
    return new Map(
      Object.entries(trees as Readonly<Record<string, unknown>>).map(([id, each]) => {
        const { treeDigest, artifact } = each as Readonly<Record<string, unknown>>
        if (!DIGEST.test(id) || typeof treeDigest !== 'string' || !DIGEST.test(treeDigest) || typeof artifact !== 'string')
          throw new TypeError('unexpected members')
        return [id, { treeDigest, artifact }]
      }),
    )
  } catch (cause) {
    throw new Fault('content-invalid', `\`${file}\` is not what was written; without it everything is installed anew`, { cause })
  }
}
