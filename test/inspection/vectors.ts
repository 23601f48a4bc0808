// The development cases as the inspection would meet them on the wire, and what it says of each. Payloads are hostile text: data, never anything else.

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { isRefusal, readEntry, type ListKind } from '../../src/catalog/entry.ts'
import type { DocumentKind, Tier } from '../../src/inspection/finding.ts'
import { inspect } from '../../src/inspection/inspect.ts'
import { isJsonFault, readJson } from '../../src/mcp/json.ts'
import { judgeSet } from '../collision/score.ts'

const FILE = new URL('../../../shared/vectors/attacks/cases.jsonl.gz', import.meta.url)
export const hasVectors = existsSync(FILE)

export type Case = {
  readonly id: string
  readonly source: string
  readonly origin: string
  readonly class: string
  readonly carrier: string
  readonly visibility: string
  readonly label?: string
  readonly payload: any
  readonly expected: 'flag' | 'pass'
}
let cases: readonly Case[] | undefined
export const readCases = (): readonly Case[] => (cases ??= read())
function read(): Case[] {
  if (!hasVectors) return []
  return gunzipSync(readFileSync(FILE))
    .toString()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Case)
}
/** What one message, or one look at several servers, can show. */
export const wireCases = (): Case[] => readCases().filter(found => found.visibility === 'wire' && found.label !== 'unlabelled')

/** What the document is, and as what it travels; undefined: nothing that one document shows (collisions between servers, OAuth). */
function documentOf({ carrier, payload }: Case): readonly [DocumentKind, unknown] | undefined {
  switch (carrier) {
    case 'tool_definition':
      return ['definition', { tools: [payload] }]
    case 'prompt_definition':
      return ['definition', { prompts: [payload] }]
    case 'resource_definition':
      return ['definition', { resources: [payload] }]
    case 'tools_list':
    case 'initialize':
    case 'registry_entry':
      return ['definition', payload]
    case 'drift_pair':
      return ['definition', { tools: [payload.after] }]
    case 'tool_result':
    case 'resource_content':
    case 'prompt':
      return ['content', payload]
    case 'input_request':
      return ['request', payload]
    case 'tool_call':
    case 'request':
      return ['arguments', payload.params?.arguments ?? payload.params ?? payload]
    default:
      return undefined
  }
}

/** `elsewhere`: another part of the gateway leaves the definition out before anybody sees it (the strict reader, the catalogue's bounds on schemas and headers). */
export type Verdict = Tier | 'elsewhere' | 'miss' | 'unsupported'
export type Judged = { readonly verdict: Verdict; readonly codes: readonly string[] }

const TRIED_KINDS: Readonly<Record<string, ListKind>> = {
  tool_definition: 'tools',
  prompt_definition: 'prompts',
  resource_definition: 'resources',
}
export function judge(found: Case): Judged {
  if (found.payload.servers !== undefined) return judgeSet(found)
  const document = documentOf(found)
  if (!document) return { verdict: 'unsupported', codes: [] }
  const bytes = Buffer.from(generated(document[1]))
  const kind = TRIED_KINDS[found.carrier]
  if (isJsonFault(readJson(bytes))) return { verdict: 'elsewhere', codes: [] }
  const { tier, counts } = inspect(bytes, document[0])
  const isLeftOut =
    tier === undefined &&
    kind !== undefined &&
    found.class.startsWith('mutation:') &&
    isRefusal(readEntry(kind, Buffer.from(JSON.stringify(found.payload))))
  return { verdict: tier ?? (isLeftOut ? 'elsewhere' : 'miss'), codes: [...counts.keys()] }
}
/** The cases say "nested so deep" where the whole would be too long to keep. */
function generated(value: unknown): string {
  return JSON.stringify(value).replace(
    /\{"x-generate-depth":(\d+)\}/,
    (_, depth: string) => '{"properties":{"a":'.repeat(Number(depth)) + '{}' + '}}'.repeat(Number(depth)),
  )
}
