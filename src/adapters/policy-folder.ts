// A folder of policies as files: `authz/*.cedar`, `obligations/*.cedar`, `tests/*.yaml`, and the schema for editors. What might be a rule and is none is a fault: a
// forbid in the wrong place would be missing without a word.

import { readdir } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../kernel/errors.ts'
import type { PolicyFault, PolicyFile } from '../policy/load.ts'
import { readPolicyFile } from './policy-file.ts'

export type PolicyFolder = {
  readonly policies: readonly PolicyFile[]
  /** `tests/*.yaml`, unread */
  readonly cases: readonly { readonly name: string; readonly bytes: Buffer }[]
  /** the folder's own copy of the schema */
  readonly schema: string | undefined
  readonly faults: readonly PolicyFault[]
}

export const SETS = ['authz', 'obligations'] as const
const SCHEMA = 'mcp.cedarschema'
export const MAX_FILES = 1000
const MAX_BYTES = 16 * 1024 * 1024

/** The schema this gateway checks policies against. Throws Fault `schema-invalid`: this build is broken. */
export function shippedSchema(): string {
  // Beside `src` in a checkout, beside `dist` in an installed package.
  const file = new URL(`../../policies/${SCHEMA}`, import.meta.url)
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new Fault('schema-invalid', 'the schema of policies cannot be read', { cause })
  }
}

/** Never rejects: what cannot be read is a fault. */
export async function readPolicyFolder(dir: string): Promise<PolicyFolder> {
  const reading = new Reading(dir)
  await reading.root()
  for (const set of SETS) await reading.policiesOf(set)
  await reading.casesOf('tests')
  return reading
}

class Reading implements PolicyFolder {
  readonly policies: PolicyFile[] = []
  readonly cases: { readonly name: string; readonly bytes: Buffer }[] = []
  readonly faults: PolicyFault[] = []
  schema: string | undefined
  readonly #dir: string
  #files = 0
  #bytes = 0
  #isTooMuch = false

  constructor(dir: string) {
    this.#dir = dir
  }

  #fault(file: string, message: string, fix?: string): void {
    this.faults.push({ file, line: 0, column: 0, message, ...(fix !== undefined && { fix }) })
  }

  async root(): Promise<void> {
    const names = await this.#list('', true)
    for (const name of names)
      if (/\.cedar$/i.test(name)) this.#fault(name, 'a rule that does not count here', 'move it to authz/ or obligations/')
    if (names.includes(SCHEMA)) this.schema = (await this.#read(SCHEMA))?.toString()
  }

  async policiesOf(set: PolicyFile['set']): Promise<void> {
    for (const entry of await this.#list(set, set === 'authz')) {
      const name = `${set}/${entry}`
      if (entry.endsWith('.cedar') && !entry.startsWith('.')) {
        const text = decoded(await this.#read(name))
        if (text === undefined) this.#fault(name, 'is not valid UTF-8', 'save it as UTF-8')
        else this.policies.push({ set, name, text })
      } else if (!entry.startsWith('.')) this.#fault(name, 'is no file of policies', 'expected `*.cedar` files and nothing else')
    }
  }

  async casesOf(folder: string): Promise<void> {
    for (const entry of await this.#list(folder, false)) {
      if (!/\.ya?ml$/.test(entry) || entry.startsWith('.')) continue
      const bytes = await this.#read(`${folder}/${entry}`)
      if (bytes) this.cases.push({ name: `${folder}/${entry}`, bytes })
    }
  }

  async #list(folder: string, isNeeded: boolean): Promise<readonly string[]> {
    try {
      return (await readdir(join(this.#dir, folder))).sort()
    } catch (error) {
      if (isNeeded || codeOf(error) !== 'ENOENT') this.#fault(folder, folder === '' ? 'the folder cannot be read' : 'no such folder')
      return []
    }
  }

  async #read(name: string): Promise<Buffer | undefined> {
    if (++this.#files > MAX_FILES || this.#bytes > MAX_BYTES) {
      // Said once, and always: what is not read might be a forbid.
      if (!this.#isTooMuch) this.#fault(name, `more than ${MAX_FILES} files or ${MAX_BYTES} bytes in one folder`)
      this.#isTooMuch = true
      return undefined
    }
    const read = await readPolicyFile(join(this.#dir, name))
    if ('message' in read) {
      this.#fault(name, read.message, read.fix)
      return undefined
    }
    this.#bytes += read.length
    return read
  }
}

function decoded(bytes: Buffer | undefined): string | undefined {
  if (!bytes) return '' // its fault is reported
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replaceAll('\r\n', '\n')
  } catch {
    return undefined
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
