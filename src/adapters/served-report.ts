// How the versions of the registry stood that this gateway serves, for commands: `<dataDir>/served.json`. Nothing is decided by it.

import { join } from 'node:path'
import type { ServedTransport } from '../config/schema.ts'
import { readPrivate, replacePrivate } from './private-text.ts'

/** As the audit log has it: names, numbers, digests, reason and rule, and what would mend it. */
export type ServedRow = Readonly<Record<string, unknown>> & { readonly upstream: string; readonly is: string }

const fileOf = (dataDir: string): string => join(dataDir, 'served.json')
const MAX_BYTES = 16 * 1024 * 1024

/** By alias; empty where no gateway has written one. Rejects with the Fault of a file that others could have written. */
export async function readServedReport(dataDir: string): Promise<ReadonlyMap<string, ServedRow>> {
  const text = await readPrivate(fileOf(dataDir), MAX_BYTES)
  if (text === undefined) return new Map()
  const { served } = JSON.parse(text) as { readonly served: Readonly<Record<string, ServedRow>> }
  return new Map(Object.entries(served))
}

/** A version that is pinned, as it stood. */
export type ServedInfo = {
  readonly alias: string
  readonly server: string
  readonly version: string
  /** as the gateway that runs, or ran last, judged this pin; `unjudged`: none did */
  readonly standing: 'in-force' | 'refused' | 'ended' | 'unjudged'
  readonly publisher?: string
  readonly reviewer?: string
  readonly sequence?: number
  readonly reason?: string
  readonly rule?: string
  readonly why?: string
  readonly fix?: string
}

/** As the gateway that runs, or ran last, judged this pin. Rejects as `readServedReport`. */
export async function servedInfo(
  dataDir: string,
  alias: string,
  { name, version }: Pick<ServedTransport, 'name' | 'version'>,
): Promise<ServedInfo> {
  const row = (await readServedReport(dataDir)).get(alias)
  const pin = { alias, server: name, version }
  if (row?.['name'] !== name || row['version'] !== version) return { ...pin, standing: 'unjudged' }
  return {
    ...pin,
    standing: standingOf(row),
    ...textsOf(row),
    ...(typeof row['countsAs'] === 'number' ? { sequence: row['countsAs'] } : sequenceOf(row)),
  }
}

const standingOf = ({ is }: ServedRow): ServedInfo['standing'] =>
  is === 'in-force' || is === 'refused' || is === 'ended' ? is : 'unjudged'
const sequenceOf = ({ sequence }: ServedRow): { readonly sequence?: number } => (typeof sequence === 'number' ? { sequence } : {})
function textsOf(row: ServedRow): Partial<ServedInfo> {
  const texts = (['publisher', 'reviewer', 'reason', 'rule', 'why', 'fix'] as const).flatMap(key => {
    const text = row[key]
    return typeof text === 'string' ? [[key, text] as const] : []
  })
  return Object.fromEntries(texts)
}

export class ServedReport {
  readonly #dataDir: string
  readonly #failed: (cause: unknown) => void
  readonly #rows = new Map<string, ServedRow>()
  #writing: Promise<void> = Promise.resolve()

  constructor(dataDir: string, failed: (cause: unknown) => void) {
    this.#dataDir = dataDir
    this.#failed = failed
  }

  put(row: ServedRow): void {
    this.#rows.set(row.upstream, row)
    this.#write()
  }
  /** Resolves when what was put is written, or said not to be. */
  written(): Promise<void> {
    return this.#writing
  }

  #write(): void {
    this.#writing = this.#writing
      .then(() => replacePrivate(fileOf(this.#dataDir), `${JSON.stringify({ served: Object.fromEntries(this.#rows) }, undefined, 2)}\n`))
      .catch((cause: unknown) => this.#failed(cause))
  }
}
