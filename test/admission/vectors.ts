// The attack vectors beside the project, where they are there. Their payloads are data: hostile text, never read as anything else.

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const FILE = new URL('../../../shared/vectors/attacks/cases.jsonl.gz', import.meta.url)

export const hasVectors = existsSync(FILE)

export type Case = {
  readonly id: string
  readonly source: string
  readonly class: string
  readonly carrier: string
  readonly payload: any
  readonly expected: 'flag' | 'pass'
}

export function casesOf(...carriers: readonly string[]): Case[] {
  if (!hasVectors) return []
  const wanted = new Set(carriers)
  return gunzipSync(readFileSync(FILE))
    .toString()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Case)
    .filter(found => wanted.has(found.carrier))
}
