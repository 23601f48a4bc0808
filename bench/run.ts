// `npm run bench`: Gatehouse beside a bare Node proxy and two peers, in one run. Ratios first; JSON into bench/results/.
//
//   --short            fewer and shorter rounds (about five minutes)
//   --medium           rounds between those; sections as in a full run
//   --into FILE        adds what is measured to a results file, so that a run can be made in parts
//   --only A,B         sections (matrix, growth, tools, sessions, list, tokens, ready, idle, registry, surface, policy, inspection, approvals) and cells whose name holds a word (modern, http, 10kB, modern/stdio)
//   --targets A,B      gatehouse, gatehouse-policies, bare, bare-least, mcp-proxy, supergateway
//   --profile          runs the gateway under V8's profiler instead and prints where its time goes
//   --out FILE         where the JSON goes; `-` = nowhere

import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureApprovals, type ApprovalFigure } from './lib/approvals.ts'
import { idleTable, measureIdle, type Idle, type IdleKind } from './idle.ts'
import { flatSessions, flatTools, listing, memoryGrowth, timeToReady, type Flat, type Growth, type Listing } from './lib/growth.ts'
import { measureInspection, type InspectionFigure } from './lib/inspection.ts'
import { Loader } from './lib/loader.ts'
import { measureCells, nameOf, type Cell, type CellKey, type Pace } from './lib/matrix.ts'
import { CORES } from './lib/processes.ts'
import { measurePolicies, type PolicyFigure } from './lib/policies.ts'
import { profile } from './lib/profile.ts'
import { measureRegistry, type RegistryFigure } from './lib/registry.ts'
import { median, round } from './lib/stats.ts'
import { measureSurfaces, type SurfaceFigure } from './lib/surfaces.ts'
import { table } from './lib/table.ts'
import { measurePrincipals, measureVerification, type Principals, type Verification } from './lib/tokens.ts'
import { isAvailable, TARGETS, type TargetName } from './lib/targets.ts'

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    medium: { type: 'boolean', default: false },
    into: { type: 'string' },
    only: { type: 'string', default: '' },
    targets: { type: 'string', default: TARGETS.join(',') },
    profile: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})

const SECTIONS = [
  'matrix',
  'growth',
  'tools',
  'sessions',
  'list',
  'tokens',
  'ready',
  'idle',
  'registry',
  'surface',
  'policy',
  'inspection',
  'approvals',
] as const
type Section = (typeof SECTIONS)[number]
const words = values.only.split(',').filter(word => word !== '')
const sections = words.filter((word): word is Section => (SECTIONS as readonly string[]).includes(word))
const cellWords = words.filter(word => !(SECTIONS as readonly string[]).includes(word))
/** Words for cells alone ask for the matrix alone. */
const isWanted = (section: Section): boolean =>
  sections.length === 0 ? cellWords.length === 0 || section === 'matrix' : sections.includes(section)
const isCellWanted = (key: CellKey): boolean =>
  cellWords.length === 0 || cellWords.some(word => `/${nameOf(key)}/`.includes(`/${word}/`) || nameOf(key).includes(word))

const targets = values.targets.split(',').filter((name): name is TargetName => (TARGETS as readonly string[]).includes(name))
const size = values.short ? 'short' : values.medium ? 'medium' : 'full'
const pace: Pace = {
  short: { rounds: 3, seconds: 1.2, warmupSeconds: 1.5 },
  medium: { rounds: 5, seconds: 1.2, warmupSeconds: 2 },
  full: { rounds: 7, seconds: 3, warmupSeconds: 3 },
}[size]

/** The last are for the record: nothing is promised of one caller's CPU or of 64 callers with 1 MB each. */
const SHAPES = [
  { textBytes: 100, callers: 64 },
  { textBytes: 10_000, callers: 64 },
  { textBytes: 100, callers: 1 },
  { textBytes: 10_000, callers: 1 },
  { textBytes: 1_000_000, callers: 1 },
  { textBytes: 1_000_000, callers: 64 },
]
const GROUPS = (['modern', 'legacy'] as const).flatMap(era => (['http', 'stdio'] as const).map(transport => ({ era, transport })))

type Results = {
  readonly startedAt: string
  readonly size: typeof size
  readonly machine: Record<string, unknown>
  cells: Cell[]
  growth?: Growth[]
  flat?: Flat[]
  list?: Listing[]
  verification?: Verification[]
  principals?: Principals
  readyMs?: number[]
  idle?: Idle[]
  registry?: RegistryFigure[]
  surface?: SurfaceFigure[]
  policy?: PolicyFigure[]
  inspection?: InspectionFigure[]
  approvals?: ApprovalFigure[]
}

/** The environment that explains the figures; nothing that names the machine. */
function machine(): Record<string, unknown> {
  const commit = (): string => {
    try {
      return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
    } catch {
      return 'unknown'
    }
  }
  return {
    node: process.version,
    kernel: release(),
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGb: round(totalmem() / 2 ** 30, 0),
    pinned: CORES ?? 'no',
    ...syncCost(),
    commit: commit(),
  }
}

/** What one fdatasync of 600 bytes costs where the gateway's log will be: the floor under a lonely caller's latency. */
function syncCost(): Record<string, unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-sync-'))
  const fd = openSync(join(folder, 'log'), 'a')
  const bytes = Buffer.alloc(600, 'x')
  const ms: number[] = []
  for (let i = 0; i < 200; i += 1) {
    const from = performance.now()
    writeSync(fd, bytes)
    fdatasyncSync(fd)
    ms.push(performance.now() - from)
  }
  closeSync(fd)
  const fileSystem = `0x${statfsSync(folder).type.toString(16)}`
  rmSync(folder, { recursive: true })
  return { fdatasyncP50Ms: round(median(ms), 3), fileSystem }
}

async function matrix(loader: Loader, results: Results): Promise<void> {
  for (const group of GROUPS) {
    const shapes = SHAPES.filter(shape => isCellWanted({ ...group, ...shape }))
    if (shapes.length === 0) continue
    note(`${group.era} over ${group.transport}: ${targets.filter(name => isAvailable(name, group.transport)).join(', ')}`)
    results.cells.push(...(await measureCells(loader, { ...group, targets, nodeArgs: [] }, shapes, pace)))
    console.log(`\n${cellTable(results.cells.filter(cell => cell.era === group.era && cell.transport === group.transport))}\n`)
  }
}

const times = (value: number | undefined): string => (value === undefined ? '-' : `${value.toFixed(2)}x`)
function cellTable(cells: readonly Cell[]): string {
  const figures = (cell: Cell, name: TargetName): string => {
    const of = cell.targets[name]
    if (!of) return '-'
    if ('failed' in of) return 'failed'
    return `${of.cpuUs.toFixed(of.cpuUs < 1000 ? 1 : 0)} us ${of.callsPerSecond.toFixed(0)}/s ${of.p50Ms.toFixed(2)}/${of.p99Ms.toFixed(1)} ms`
  }
  const shown = TARGETS.filter(name => cells.some(cell => cell.targets[name]))
  return table(
    [
      'era/upstream/payload/callers',
      'CPU/bare',
      'with policies',
      'CPU/least',
      'rate/mcp-proxy',
      'rate/supergw',
      ...shown.map(name => `${name}: CPU, rate, p50/p99`),
    ],
    cells.map(cell => [
      nameOf(cell),
      ...[
        times(cell.cpuOver.bare),
        times(cell.policiesOverBare),
        times(cell.cpuOver['bare-least']),
        times(cell.throughputOver['mcp-proxy']),
        times(cell.throughputOver.supergateway),
      ],
      ...shown.map(name => figures(cell, name)),
    ]),
  )
}

function note(text: string): void {
  console.error(`# ${text}`)
}

async function growth(loader: Loader, results: Results): Promise<void> {
  const calls = values.short ? 50_000 : 200_000
  note(`memory over ${calls} calls`)
  results.growth = await memoryGrowth(loader, targets, calls)
  const rows = results.growth.map(row =>
    'failed' in row ? [row.target, 'failed', row.failed.slice(0, 60)] : [row.target, row.calls, row.rssMb.join(' ')],
  )
  console.log(`\n${table(['memory (legacy/stdio/100B/64)', 'calls', 'RSS in MB after each tenth'], rows)}\n`)
}

async function flat(loader: Loader, results: Results): Promise<void> {
  const rounds = size === 'full' ? 9 : 5
  const seconds = size === 'full' ? 3 : 1.2
  results.flat = []
  for (const [section, measure] of [
    ['tools', flatTools],
    ['sessions', flatSessions],
  ] as const) {
    if (!isWanted(section)) continue
    note(`CPU with the number of ${section}`)
    results.flat.push(await measure(loader, rounds, seconds))
  }
  if (results.flat.length === 0) return
  const rows = results.flat.map(row => [row.what, times(row.ratio), `${row.few}: ${row.cpuUsFew} us`, `${row.many}: ${row.cpuUsMany} us`])
  console.log(`\n${table(['CPU per call with more', 'many/few', 'few', 'many'], rows)}\n`)
}

async function rest(loader: Loader, results: Results): Promise<void> {
  if (isWanted('list')) {
    note('tools/list of 2,000 tools')
    results.list = await listing(loader, values.short ? 1.5 : 4)
    const rows = results.list.map(row => [row.target, row.bytes, row.cpuUs, row.cpuUsPerMb, row.callsPerSecond, row.p50Ms])
    console.log(`\n${table(['tools/list', 'bytes a page', 'CPU us', 'CPU us/MB', 'pages/s', 'p50 ms'], rows)}\n`)
  }
  if (isWanted('tokens')) await tokens(results)
  if (isWanted('ready')) {
    note('time to ready')
    results.readyMs = await timeToReady(values.short ? 3 : 10)
    console.log(`\nready after ${median(results.readyMs)} ms (median of ${results.readyMs.length} starts: ${results.readyMs.join(' ')})\n`)
  }
  if (isWanted('idle')) {
    note('idle streams')
    results.idle = []
    const kinds: IdleKind[] = targets.includes('gatehouse') ? ['plain', 'taken', 'bare', 'gatehouse'] : ['plain', 'taken', 'bare']
    for (const era of ['legacy', 'modern'] as const) {
      for (const kind of kinds) results.idle.push(await measureIdle(kind, era, 10_000, size === 'full' ? 40 : 10))
    }
    console.log(`\n${idleTable(results.idle)}\n`)
  }
  if (isWanted('registry')) {
    note('a registry of 50,000 versions')
    results.registry = await measureRegistry(50_000, values.short ? 50 : 300)
    const rows = results.registry.map(({ what, p50Ms, p99Ms, rows: n }) => [what, p50Ms, p99Ms, n])
    console.log(`\n${table(['registry of 50,000 versions', 'p50 ms', 'p99 ms', 'rows'], rows)}\n`)
  }
  if (isWanted('surface')) {
    note('admission of a server with 300 tools')
    results.surface = await measureSurfaces(300, values.short ? 30 : 200)
    const rows = results.surface.map(({ what, bestUs, p50Us, p99Us }) => [what, bestUs, p50Us, p99Us])
    console.log(`\n${table(['admission', 'best us', 'p50 us', 'p99 us'], rows)}\n`)
  }
  if (isWanted('policy')) {
    note('decisions of policies')
    results.policy = measurePolicies(values.short ? 1000 : 10_000)
    const rows = results.policy.map(({ what, rules, bestUs, p50Us, p99Us }) => [what, rules, bestUs, p50Us, p99Us])
    console.log(`\n${table(['decision', 'rules', 'best us', 'p50 us', 'p99 us'], rows)}\n`)
  }
  if (isWanted('inspection')) {
    note('inspection of texts')
    results.inspection = measureInspection(values.short ? 10 : 50)
    const rows = results.inspection.map(({ what, bytes, bestMbPerSecond, mbPerSecond }) => [what, bytes, bestMbPerSecond, mbPerSecond])
    console.log(`\n${table(['inspection', 'bytes', 'best MB/s', 'p50 MB/s'], rows)}\n`)
  }
  if (isWanted('approvals') && targets.includes('gatehouse')) {
    note('approvals on their way to the host that waits')
    results.approvals = await measureApprovals(values.short ? 50 : 200, 100)
    const rows = results.approvals.map(({ what, approvals, p50Ms, p99Ms, worstMs }) => [what, approvals, p50Ms, p99Ms, worstMs])
    console.log(`\n${table(['from approved to answered', 'approvals', 'p50 ms', 'p99 ms', 'worst ms'], rows)}\n`)
  }
}

async function tokens(results: Results): Promise<void> {
  note('tokens that were verified before')
  results.verification = await measureVerification(size === 'short' ? 5 : 15)
  const rows = results.verification.map(row => [row.what, row.tokenBytes, row.tokens, row.cpuUs])
  console.log(`\n${table(['token', 'bytes', 'in turn', 'CPU us'], rows)}\n`)
  if (!targets.includes('gatehouse')) return
  const count = size === 'short' ? 20_000 : 100_000
  note(`memory over ${count} principals`)
  results.principals = await measurePrincipals(count)
  const { rssMb, heapMb, before, after } = results.principals
  console.log(`\n${count} principals, one tools/call and one tools/list each: RSS in MB before and after each tenth: ${rssMb.join(' ')}`)
  console.log(`heap after collection: ${heapMb.join(' MB, then ')} MB`)
  console.log(`entries of the largest maps and sets: ${before.join(' ')}, then ${after.join(' ')}\n`)
}

async function profiles(loader: Loader): Promise<void> {
  for (const group of GROUPS) {
    for (const shape of SHAPES) {
      const key = { ...group, ...shape }
      // Without a filter the two shapes that promises are made of, in one era.
      if (cellWords.length === 0 ? group.era !== 'modern' || shape.callers !== 64 || shape.textBytes > 10_000 : !isCellWanted(key)) continue
      const taken = await profile(loader, targets[0] ?? 'gatehouse', key, values.short ? 5 : 12)
      console.log(`\n${nameOf(key)}: ${taken.calls} calls, ${round(taken.cpuUsPerCall, 1)} us each under the profiler; CPU by thread:`)
      console.log(taken.threads.map(thread => `  ${thread.name}: ${thread.usPerCall} us`).join('\n'))
      const rows = (lines: typeof taken.functions): (string | number)[][] =>
        lines.map(line => [line.name, line.share, line.usPerCall, line.where])
      console.log(`\n${table(['main thread, by file', 'self %', 'us/call', ''], rows(taken.places))}`)
      console.log(`\n${table(['main thread, by function', 'self %', 'us/call', 'where'], rows(taken.functions))}`)
      const allocators = taken.allocators.map(line => [line.name, line.share, line.bytesPerCall, line.where])
      console.log(`\n${table([`allocated: ${taken.bytesPerCall} bytes a call`, '%', 'bytes/call', 'where'], allocators)}`)
    }
  }
}

function save(results: Results): void {
  if (values.out === '-') return
  const stamp = results.startedAt.slice(0, 16).replace(/[:T]/g, '-')
  const file = values.into ?? values.out ?? join(import.meta.dirname, 'results', `${stamp}${size === 'full' ? '' : `-${size}`}.json`)
  const whole =
    values.into !== undefined && existsSync(values.into) ? merged(JSON.parse(readFileSync(file, 'utf8')) as Results, results) : results
  writeFileSync(file, `${JSON.stringify(whole, undefined, 1)}\n`)
  note(`written: ${file}`)
}

/** The later part wins where both measured the same. */
function merged(before: Results, added: Results): Results {
  const names = new Set(added.cells.map(nameOf))
  const flat = [...(before.flat ?? []).filter(old => !added.flat?.some(({ what }) => what === old.what)), ...(added.flat ?? [])]
  return {
    ...before,
    ...added,
    startedAt: before.startedAt,
    machine: { ...added.machine, commit: [...new Set([before.machine['commit'], added.machine['commit']])].join(' ') },
    cells: [...before.cells.filter(cell => !names.has(nameOf(cell))), ...added.cells],
    ...(flat.length > 0 && { flat }),
  }
}

/** Peers may fail, which is their figure; a wrong answer of ours or of the bare proxy makes the whole run worthless. */
function faults(results: Results): string[] {
  return results.cells.flatMap(cell =>
    (['gatehouse', 'bare', 'bare-least'] as const).flatMap(name => {
      const of = cell.targets[name]
      return of && 'failed' in of ? [`${nameOf(cell)}: ${name}: ${of.failed}`] : []
    }),
  )
}

const loader = new Loader()
const results: Results = { startedAt: new Date().toISOString(), size, machine: machine(), cells: [] }
try {
  if (values.profile) await profiles(loader)
  else {
    note(JSON.stringify(results.machine))
    note(
      `load ${readFileSync('/proc/loadavg', 'utf8').slice(0, 14)}before the run; children of the proxies are not counted in their CPU and memory`,
    )
    for (const peer of ['mcp-proxy', 'supergateway'] as const)
      if (targets.includes(peer) && !isAvailable(peer, 'stdio')) note(`${peer} is not there: npm ci --prefix bench`)
    if (isWanted('matrix')) await matrix(loader, results)
    if (targets.includes('gatehouse') && (isWanted('tools') || isWanted('sessions'))) await flat(loader, results)
    if (isWanted('growth')) await growth(loader, results)
    await rest(loader, results)
    if (results.cells.length > 0) console.log(`\n${cellTable(results.cells)}\n`)
    save(results)
  }
} finally {
  loader.close()
}
const wrong = faults(results)
for (const line of wrong) console.error(`FAILED ${line}`)
if (wrong.length > 0) process.exitCode = 1
