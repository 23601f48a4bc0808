// Sets of servers of the development cases, and all real servers of it with each other, as the room judges them. Names in them are data.

import { qualifyName } from '../../src/catalog/names.ts'
import { collide } from '../../src/collision/collide.ts'
import type { Primitive, ShownServer } from '../../src/collision/inventory.ts'
import { readCases, type Case, type Judged } from '../inspection/vectors.ts'

type ToolCase = { readonly name: string; readonly title?: string; readonly description?: string }
const server = (alias: string, name: string, primitives: readonly Primitive[], since: number): ShownServer => ({
  alias,
  identity: { source: name },
  standing: 'admitted',
  since,
  name,
  primitives,
})
const toolsOf = (alias: string, tools: readonly ToolCase[]): Primitive[] =>
  tools.map(({ name, title, description }) => ({ kind: 'tools', name, title, description, exposed: qualifyName(alias, name) }))

/** A set as the cases have it: the first server was there before. `hold`: something of the second is held, and nothing of the first. */
export function judgeSet({ payload }: Case): Judged {
  const servers = payload.servers.map((of: { server: string; tools: ToolCase[] }, i: number) =>
    server(`s${i}`, of.server, toolsOf(`s${i}`, of.tools), i),
  )
  const { held, counts } = collide({ naming: 'qualified', servers })
  return { verdict: held.has('s1') && !held.has('s0') ? 'hold' : 'miss', codes: [...counts.keys()] }
}

/** Servers in use, by the names they have where they are found. */
function realServers(): readonly ShownServer[] {
  const tools = new Map<string, ToolCase[]>()
  for (const { source, origin, carrier, expected, payload } of readCases()) {
    if (carrier !== 'tool_definition' || expected !== 'pass') continue
    const name = NAME_OF[source]?.(origin)
    if (name !== undefined) tools.set(name, [...(tools.get(name) ?? []), payload])
  }
  return [...tools].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, of], i) => server(`s${i}`, name, toolsOf(`s${i}`, of), i))
}
const NAME_OF: Readonly<Record<string, (origin: string) => string | undefined>> = {
  'npm-live': origin => origin.slice('npm:'.length).replace(/@[^@]*$/, ''),
  'docker-mcp-registry': origin => origin.split('/').at(-2),
  'github-mcp-server': () => 'github-mcp-server',
}

/** Every pair of real servers by itself: how many share names, how many of those are accused for it, and what is held. */
export function realPairs() {
  const servers = realServers()
  const shared: boolean[] = []
  const held: string[] = []
  let nearPairs = 0
  for (const [i, a] of servers.entries()) {
    for (const b of servers.slice(i + 1)) {
      const { findings } = collide({ naming: 'qualified', servers: [a, b] })
      const near = findings.filter(f => f.disposition === 'held')
      const same = findings.filter(f => f.code === 'same-name')
      if (near.length > 0) nearPairs++
      held.push(...near.map(f => `${f.code}: ${f.subject.name}, ${f.against.name}`))
      if (same.length > 0) shared.push(near.some(f => same.some(s => s.subject.name === f.subject.name)))
    }
  }
  return {
    servers: servers.length,
    tools: servers.reduce((sum, s) => sum + s.primitives.length, 0),
    pairs: (servers.length * (servers.length - 1)) / 2,
    shared: shared.length,
    accused: shared.filter(Boolean).length,
    nearPairs,
    held,
  }
}

/** The table of docs/detection.md. */
export function collisionTable(): string {
  const rows = new Map<string, { sets: number; held: number; resolved: number; miss: number; unsupported: number }>()
  for (const found of readCases().filter(c => c.payload.servers !== undefined || c.carrier === 'collision_event')) {
    if (found.expected !== 'flag') continue
    const row = rows.get(found.class) ?? { sets: 0, held: 0, resolved: 0, miss: 0, unsupported: 0 }
    rows.set(found.class, row)
    row.sets++
    if (found.payload.servers === undefined) row.unsupported++
    else if (judgeSet(found).verdict === 'hold') row.held++
    else if (found.class === 'benign-collision') row.resolved++
    else row.miss++
  }
  const real = realPairs()
  const line = (...cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  const population = `${real.servers} real servers (${real.tools} tools, ${real.pairs} pairs)`
  return [
    line('what', 'sets', 'held', 'resolved', 'miss', 'unsupported'),
    '|---|---|---|---|---|---|',
    ...[...rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([of, row]) => line(of, row.sets, row.held, row.resolved, row.miss, row.unsupported)),
    line(`${population}: pairs that share a name`, real.shared, real.accused, real.shared - real.accused, 0, 0),
    line('pairs of them with almost the same name', real.nearPairs, real.nearPairs, 0, 0, 0),
  ].join('\n')
}
