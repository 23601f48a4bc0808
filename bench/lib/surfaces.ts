// What admission costs: a list of 300 tools held against its reviewed surface for the first time, and a decision about a list that is known.

import { digestOfLaunch } from '../../src/admission/launch.ts'
import { digestOfSurface, type PinnedSurface } from '../../src/admission/pinned-surface.ts'
import { digestOfPrimitive } from '../../src/admission/primitive.ts'
import { readStatement, statementOf, type Admission } from '../../src/admission/statement.ts'
import { fetchList, type LiveList } from '../../src/catalog/lists.ts'
import { isStop } from '../../src/kernel/errors.ts'
import { isJsonFault, member, readJson } from '../../src/mcp/json.ts'
import { Admitting } from '../../src/pipeline/admitting.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { round } from './stats.ts'

export type SurfaceFigure = { readonly what: string; readonly bestUs: number; readonly p50Us: number; readonly p99Us: number }

const LAUNCH = { transport: 'stdio', command: 'node', args: ['server.js'], env: {} }
const ENTRY = {
  alias: 'bench',
  admission: 'required',
  launch: { specification: LAUNCH, digest: digestOfLaunch(LAUNCH) },
} as unknown as UpstreamEntry
const LIMITS = { listPages: 100, listEntries: 10_000, listBytes: 16 * 1024 * 1024 }
const now = (): Promise<void> => Promise.resolve()

/** About 3.5 kB, as the largest real server has them (302 tools in 1.07 MB). */
const toolOf = (n: number, change = ''): object => ({
  name: `tool_${n}`,
  title: `Tool ${n}`,
  description: `Does what tool ${n} does, with words enough for a description of usual length. ${change}`,
  annotations: { readOnlyHint: n % 2 === 0, openWorldHint: true },
  inputSchema: {
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 24 }, (_, i) => [
        `parameter_${i}`,
        { type: 'string', description: `What parameter ${i} of tool ${n} is about, in one sentence`, maxLength: 100 + i },
      ]),
    ),
    required: ['parameter_0', 'parameter_1'],
  },
})

/** `times`: rounds of each. */
export async function measureSurfaces(tools: number, times: number): Promise<SurfaceFigure[]> {
  const definitions = Array.from({ length: tools }, (_, n) => toolOf(n))
  const admission = admissionOf(definitions)
  const strangers = { of: () => undefined, keep() {} }
  const open = (): Admitting =>
    new Admitting({ admissions: { of: () => admission }, seen: { keep: now }, strangers, record: now, pause: now })
  const admitting = open()
  const bytes = Buffer.from(statementOf(admission))
  const known = await listOf(definitions)
  await admitting.read(ENTRY, known)
  if (admitting.visible(ENTRY, known).entries.length !== tools) throw new Error('the admitted list is not shown whole')
  const changed = definitions.map((definition, n) => (n === tools - 1 ? toolOf(n, 'Changed.') : definition))
  const freshly = (of: readonly object[]) => async (): Promise<{ readonly list: LiveList; readonly by: Admitting }> => ({
    list: await listOf(of),
    by: open(),
  })
  const size = `${tools} tools, ${round(JSON.stringify(definitions).length / 1e6, 2)} MB`
  return [
    await timed(`drift check, first list of a process (${size})`, times, freshly(definitions), ({ list, by }) => by.read(ENTRY, list)),
    await timed('the same where one tool changed', times, freshly(changed), ({ list, by }) => by.read(ENTRY, list)),
    await timed(
      'drift check, the list read again',
      times,
      () => listOf(definitions),
      list => admitting.read(ENTRY, list),
    ),
    await timed(
      'statement read from disk',
      times,
      () => Promise.resolve(bytes),
      text => readStatement(text, ENTRY.alias),
    ),
    await timed(
      'warm decision: a call',
      times * 100,
      () => Promise.resolve(known),
      list => admitting.check(ENTRY, list, 'tool_7'),
    ),
    await timed(
      'warm decision: a list',
      times * 100,
      () => Promise.resolve(known),
      list => admitting.visible(ENTRY, list),
    ),
  ]
}

async function timed<T>(what: string, times: number, make: () => Promise<T>, run: (value: T) => unknown): Promise<SurfaceFigure> {
  const us: number[] = []
  for (let i = 0; i < times; i += 1) {
    const value = await make()
    const from = performance.now()
    await run(value)
    us.push((performance.now() - from) * 1000)
  }
  us.sort((a, b) => a - b)
  const at = (share: number): number => us[Math.min(us.length - 1, Math.floor(us.length * share))] ?? NaN
  return { what, bestUs: round(us[0] ?? NaN, 1), p50Us: round(at(0.5), 1), p99Us: round(at(0.99), 1) }
}

function admissionOf(definitions: readonly object[]): Admission {
  const tool = new Map(
    definitions.map(definition => [(definition as { name: string }).name, digestOfPrimitive('tool', JSON.stringify(definition))!]),
  )
  const surface: PinnedSurface = {
    mode: 'subset',
    instructions: null,
    primitives: { tool, prompt: new Map(), resource: new Map(), resourceTemplate: new Map() },
  }
  const surfaceDigest = digestOfSurface(surface)
  const { specification: launch } = ENTRY.launch
  return {
    ...{ alias: ENTRY.alias, verdict: 'passed', surface, surfaceDigest, launch, launchDigest: digestOfLaunch(launch) },
    ...{ reviewer: 'bench', reviewedAt: '2026-11-26T00:00:00Z' },
  }
}

async function listOf(definitions: readonly object[]): Promise<LiveList> {
  const doc = readJson(Buffer.from(JSON.stringify({ tools: definitions })), { indexDepth: 2 })
  if (isJsonFault(doc)) throw new Error(doc.fault)
  if (member(doc.root, 'tools') === undefined) throw new Error('no tools')
  const fetchPage = () => Promise.resolve({ kind: 'result', result: { doc, node: doc.root } } as const)
  const list = await fetchList({ alias: ENTRY.alias, kind: 'tools', limits: LIMITS, fetchPage, pause: now })
  if (isStop(list)) throw new Error(list.stop)
  return list
}
