// Which documents are kept beside a version: exactly what verified statements name, or nothing.

import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { documentReaders } from '../../src/adapters/registry-documents.ts'
import { digestOfInstructions, digestOfPrimitive } from '../../src/admission/primitive.ts'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import { isStop, type Stop } from '../../src/kernel/errors.ts'
import { documentsOf, MAX_VERSION_BYTES, type Offered, type SaidOfDocuments, type StoredDocument } from '../../src/registry/documents.ts'

const TOOL = '{ "name": "forecast", "description": "Weather of <b>tomorrow</b>.", "inputSchema": {"type": "object"} }'
const digest = (kind: 'tool' | 'prompt', json: string): string => digestOfPrimitive(kind, json) ?? ''
const surfaceOf = (more: object = {}): string =>
  canonicalJson({
    mode: 'subset',
    instructions: digestOfInstructions('Ask for a city.'),
    tools: { forecast: digest('tool', TOOL), ['__proto__']: 'a'.repeat(64) },
    prompts: {},
    resources: {},
    resourceTemplates: {},
    ...more,
  }) ?? ''
const proto = '{"name":"__proto__"}'
const SURFACE = surfaceOf({ tools: JSON.parse(`{"forecast":"${digest('tool', TOOL)}","__proto__":"${digest('tool', proto)}"}`) as object })
const DEFINITIONS = {
  instructions: 'Ask for a city.',
  tools: JSON.parse(`{"forecast":${JSON.stringify(TOOL)},"__proto__":${JSON.stringify(proto)}}`) as Record<string, string>,
}
const LOCK = '{"lockfileVersion":3}\n'
const said = (more: Partial<SaidOfDocuments> = {}): SaidOfDocuments => ({
  surface: { digest: hash('sha256', SURFACE) },
  locks: new Map([['package-lock.json', hash('sha256', LOCK)]]),
  ...more,
})
const offered = (more: Partial<Record<'definitions', unknown>> & Omit<Offered, 'definitions'> = {}): Offered =>
  ({
    ...more,
    ...(more.definitions !== undefined && {
      definitions: typeof more.definitions === 'string' ? more.definitions : JSON.stringify(more.definitions),
    }),
  }) as Offered
const of = (given: Offered, ...statements: readonly SaidOfDocuments[]) =>
  documentsOf(given, statements.length === 0 ? [said()] : statements, documentReaders)
const kept = (done: readonly StoredDocument[] | Stop): readonly StoredDocument[] => {
  if (isStop(done)) throw new Error(done.detail)
  return done
}
const locks = (text: string, name = 'package-lock.json'): ReadonlyMap<string, string> => new Map([[name, text]])

describe('documents of a version', () => {
  it('are kept where the statements name them: lock file byte for byte, surface and definitions in their one canonical form', async () => {
    const pretty = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(SURFACE) as object).reverse()), undefined, 2)
    const found = kept(await of(offered({ surface: pretty, locks: locks(LOCK), definitions: DEFINITIONS })))
    expect(found.map(({ kind }) => kind)).toEqual(['surface', 'lock:package-lock.json', 'definitions'])
    const [surface, lock, definitions] = found
    expect([surface?.content.toString(), surface?.signed, surface?.sha256]).toEqual([
      SURFACE,
      hash('sha256', SURFACE),
      hash('sha256', SURFACE),
    ])
    expect([lock?.content.toString(), lock?.signed]).toEqual([LOCK, hash('sha256', LOCK)])
    expect(definitions?.signed).toBe(surface?.signed)
    const texts = JSON.parse(definitions?.content.toString() ?? '') as { tools: Record<string, string> }
    expect(texts.tools['forecast']).toBe(canonicalJson(JSON.parse(TOOL)))
    expect(Object.keys(texts.tools)).toEqual(['__proto__', 'forecast'])
    expect(definitions?.sha256).toBe(hash('sha256', definitions?.content ?? ''))
  })
  it('are the same bytes however the sender wrote them: nothing that nobody signed is kept', async () => {
    const once = kept(await of(offered({ surface: SURFACE, definitions: DEFINITIONS })))
    const other = {
      resources: {},
      tools: { ...Object.fromEntries(Object.entries(DEFINITIONS.tools).reverse()) },
      instructions: DEFINITIONS.instructions,
    }
    other.tools['forecast'] = `\n\t${TOOL}   `
    expect(kept(await of(offered({ surface: SURFACE, definitions: other })))).toEqual(once)
  })
  it('hold the surface that a statement holds, asked for or not', async () => {
    const found = kept(await of({}, said({ surface: { digest: hash('sha256', SURFACE), text: SURFACE } })))
    expect(found.map(({ kind, content }) => [kind, content.toString()])).toEqual([['surface', SURFACE]])
    expect(kept(await of({}))).toEqual([])
  })
  it.each<[string, Offered, string]>([
    ['another lock file', offered({ locks: locks(`${LOCK} `) }), '`package-lock.json`'],
    ['a lock file that no statement names', offered({ locks: locks(LOCK, 'requirements.txt') }), '`requirements.txt`'],
    ['another surface', offered({ surface: surfaceOf({ tools: {} }) }), '`surface`'],
    [
      'a tool under the name of another',
      offered({ surface: SURFACE, definitions: { ...DEFINITIONS, tools: { ...DEFINITIONS.tools, forecast: proto } } }),
      'tools forecast',
    ],
    [
      'a definition with an argument more',
      offered({
        surface: SURFACE,
        definitions: { ...DEFINITIONS, tools: { ...DEFINITIONS.tools, forecast: TOOL.replace('"object"', '"object","x":1') } },
      }),
      'tools forecast',
    ],
    [
      'a tool that is not in the surface',
      offered({ surface: SURFACE, definitions: { ...DEFINITIONS, tools: { ...DEFINITIONS.tools, evil: proto } } }),
      'tools evil',
    ],
    [
      'definitions with one left out',
      offered({ surface: SURFACE, definitions: { instructions: DEFINITIONS.instructions } }),
      'tools __proto__',
    ],
    ['a tool as a prompt', offered({ surface: SURFACE, definitions: { ...DEFINITIONS, prompts: DEFINITIONS.tools } }), 'prompts forecast'],
    [
      'other instructions',
      offered({ surface: SURFACE, definitions: { ...DEFINITIONS, instructions: 'Ask for a password.' } }),
      'instructions',
    ],
  ])('are not kept when %s came along', async (_what, given, named) => {
    const refused = await of(given)
    expect(refused).toMatchObject({ stop: 'attestation-invalid', detail: expect.stringContaining('document-mismatch') as string })
    expect((refused as Stop).detail).toContain(named)
  })
  it.each<[string, Offered]>([
    ['a file that is no lock file', offered({ locks: locks(LOCK, '../../etc/passwd') })],
    ['half a character', offered({ locks: locks('\ud800') })],
    ['definitions of no surface', offered({ definitions: DEFINITIONS })],
    ['definitions that are a list', offered({ surface: SURFACE, definitions: [] })],
    ['definitions of another kind', offered({ surface: SURFACE, definitions: { ...DEFINITIONS, secrets: {} } })],
    ['a definition that is no text', offered({ surface: SURFACE, definitions: { tools: { forecast: {} } } })],
    ['a definition that is no JSON', offered({ surface: SURFACE, definitions: { tools: { forecast: '{' } } })],
    [
      'a definition with a member twice, of which two readers believe two',
      offered({ surface: SURFACE, definitions: { tools: { forecast: '{"name":"a","name":"b"}' } } }),
    ],
    [
      'a definition with a number that readers read differently',
      offered({ surface: SURFACE, definitions: { tools: { forecast: '{"x":9007199254740993}' } } }),
    ],
    ['a name with half a character', offered({ surface: SURFACE, definitions: '{"tools":{"\\ud800":"{}"}}' })],
    ['instructions that are no text', offered({ surface: SURFACE, definitions: { instructions: 7 } })],
    ['a surface with a member nobody knows', offered({ surface: '{"mode":"subset"}' })],
  ])('are refused where %s came along', async (_what, given) => {
    expect(await of(given)).toMatchObject({ stop: 'params-invalid' })
  })
  it('must be what every statement says: one bundle’s lock file beside another bundle’s review (attack 4)', async () => {
    const other = said({ locks: new Map([['package-lock.json', hash('sha256', 'other')]]) })
    expect(await of(offered({ locks: locks(LOCK) }), said(), other)).toMatchObject({ stop: 'attestation-invalid' })
    expect(await of(offered({ locks: locks(LOCK) }), said(), said({ locks: new Map() }))).toMatchObject({ stop: 'attestation-invalid' })
    const third = said({ surface: { digest: 'e'.repeat(64) } })
    expect(await of(offered({ surface: SURFACE }), said(), third)).toMatchObject({ stop: 'attestation-invalid' })
  })
  it('of two statements with two surfaces are kept for the one they are behind', async () => {
    const exact = surfaceOf({ mode: 'exact', tools: JSON.parse(SURFACE).tools })
    const other = surfaceOf({ tools: {} })
    const statements = [exact, other].map(text => said({ surface: { digest: hash('sha256', text), text } }))
    const found = kept(await of(offered({ definitions: DEFINITIONS }), ...statements))
    expect(found.map(({ kind, signed }) => [kind, signed])).toEqual([
      ['surface', hash('sha256', exact)],
      ['surface', hash('sha256', other)],
      ['definitions', hash('sha256', exact)],
    ])
  })
  it('are bounded: a lock file, definitions, and all together', async () => {
    const large = 'x'.repeat(4 * 1024 * 1024 + 1)
    const named = said({ locks: new Map([['package-lock.json', hash('sha256', large)]]) })
    expect(await of(offered({ locks: locks(large) }), named)).toMatchObject({ stop: 'quota-exceeded' })
    const full = 'x'.repeat(4 * 1024 * 1024)
    const tool = JSON.stringify({ name: 'a', description: 'x'.repeat(8 * 1024 * 1024 - 200) })
    const surface = canonicalJson({ ...JSON.parse(SURFACE), instructions: null, tools: { a: digest('tool', tool) } }) ?? ''
    const lock = new Map(['package-lock.json', 'requirements.txt'].map(name => [name, hash('sha256', full)]))
    const both = new Map([...lock.keys()].map(name => [name, full]))
    const all = await of(
      offered({ surface, definitions: { tools: { a: tool } }, locks: both }),
      said({ surface: { digest: hash('sha256', surface) }, locks: lock }),
    )
    expect(all).toMatchObject({ stop: 'quota-exceeded', detail: expect.stringContaining(String(MAX_VERSION_BYTES)) as string })
  })
})
