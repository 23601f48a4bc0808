// Finds targets and their corpora: every file in targets/, plus the files of corpus/<target>/ (inputs that once failed).

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { FuzzTarget } from './fuzz.ts'

const folder = new URL('./targets/', import.meta.url)
const corpus = new URL('./corpus/', import.meta.url)

export async function loadTargets(): Promise<FuzzTarget[]> {
  const found: FuzzTarget[] = []
  for (const file of readdirSync(folder).sort()) {
    const { targets } = (await import(new URL(file, folder).href)) as { targets: readonly FuzzTarget[] }
    found.push(...targets.map(target => ({ ...target, seeds: [...target.seeds, ...savedInputs(target.name)] })))
  }
  return found
}

function savedInputs(name: string): Buffer[] {
  const own = new URL(`${name}/`, corpus)
  return existsSync(own) ? readdirSync(own).map(file => readFileSync(new URL(file, own))) : []
}
