// What a host sends back, held against exactly what was asked, before a server hears of it. An answer is the host's and its person's: no value of it is told.

import type { Stop } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, textOf, valueOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { objectEdits, splice } from '../mcp/splice.ts'
import { readExpected, type Expected } from './expected.ts'
import { contentProblem } from './form.ts'
import { rootsToTell } from './roots.ts'
import { sampledProblem } from './sampling.ts'
import type { GateSettings } from './settings.ts'

/** One result object as the server may get it, or why not. `expects`: what `examine` said. */
export function checkAnswer(expects: string, result: Buffer, gates: GateSettings): Buffer | Stop {
  const doc = readJson(result, { indexDepth: 2, maxDepth: 256 })
  if (isJsonFault(doc) || doc.root.kind !== 'object') return invalid('it is no object')
  const expected = readExpected(expects)
  const checked = byKind(expected, doc, gates)
  return typeof checked === 'string' ? invalid(checked) : checked
}

/** The bytes that may pass; a string says what is wrong. */
function byKind(expected: Expected, doc: JsonDoc, gates: GateSettings): Buffer | string {
  switch (expected.kind) {
    case 'form':
    case 'url':
      return elicited(expected, doc)
    case 'sampling':
      return sampledProblem(valueOf(doc, doc.root) as Readonly<Record<string, unknown>>, expected.tools) ?? doc.bytes
    case 'roots':
      return told(doc, gates)
  }
}

function elicited(expected: Extract<Expected, { kind: 'form' | 'url' }>, doc: JsonDoc): Buffer | string {
  const action = member(doc.root, 'action')
  const said = action?.kind === 'string' ? textOf(doc, action) : undefined
  if (said !== 'accept' && said !== 'decline' && said !== 'cancel') return 'its action is none of accept, decline and cancel'
  const content = member(doc.root, 'content')
  if (said === 'accept' && expected.kind === 'form') return contentProblem(expected.form, content && valueOf(doc, content)) ?? doc.bytes
  if (content === undefined) return doc.bytes
  // What a person refused to say does not travel with the refusal; some hosts send an empty object.
  if (!isEmpty(content)) return 'it has content that nothing asked for'
  return splice(
    doc.bytes,
    objectEdits(doc.root, key => key === 'content'),
  )
}
const isEmpty = ({ kind, members }: JsonNode): boolean => kind === 'null' || (kind === 'object' && members?.length === 0)

function told(doc: JsonDoc, { roots: limits }: GateSettings): Buffer | string {
  const roots = member(doc.root, 'roots')
  const kept = rootsToTell(roots && valueOf(doc, roots), limits)
  if (typeof kept === 'string') return kept
  const items = roots?.items ?? []
  if (!roots || kept.length === items.length) return doc.bytes
  const text = `[${kept.flatMap(at => (items[at] ? [rawOf(doc, items[at]).toString()] : [])).join(',')}]`
  return splice(doc.bytes, [{ start: roots.start, end: roots.end, text }])
}

const invalid = (why: string): Stop => ({
  stop: 'answer-invalid',
  detail: `the client's answer is not one to what was asked: ${why}`,
  fix: 'answer what was asked, as it was asked',
})
