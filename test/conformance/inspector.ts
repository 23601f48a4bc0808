// Differential of five real servers: the official Inspector's CLI makes the same call directly (stdio) and through the gateway;
// exit code and JSON have to be deeply equal.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { startFront, type FrontKind } from './fronts.ts'
import { FIXTURES } from './legs.ts'
import type { Front, UpstreamConfig } from './gateway.ts'
import type { LegReport } from './report.ts'
import type { Allowance } from './score.ts'

const MODULES = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol')
const INSPECTOR = join(MODULES, 'inspector/clients/launcher/build/index.js')
const CALL_MS = 60_000

type Subject = {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly calls: readonly (readonly string[])[]
}

const tool = (name: string, args?: object): string[] => [
  'tools/call',
  '--tool-name',
  name,
  ...(args ? ['--tool-args-json', JSON.stringify(args)] : []),
]
const prompt = (name: string, ...pairs: string[]): string[] => [
  'prompts/get',
  '--prompt-name',
  name,
  ...(pairs.length ? ['--prompt-args', ...pairs] : []),
]
const read = (uri: string): string[] => ['resources/read', '--uri', uri]
const server = (name: string): string => join(MODULES, `server-${name}/dist/index.js`)

/** `side` keeps what a server writes apart, so that both sides start from the same state. */
function subjects(folder: string, side: 'direct' | 'through'): Readonly<Record<string, Subject>> {
  const files = join(folder, 'files')
  return {
    everything: {
      args: [server('everything'), 'stdio'],
      calls: [
        ['tools/list'],
        ['prompts/list'],
        ['resources/list'],
        ['resources/templates/list'],
        tool('echo', { message: 'héllo' }),
        tool('get-sum', { a: 2, b: 3 }),
        tool('get-tiny-image'),
        tool('get-annotated-message', { messageType: 'error', includeImage: true }),
        tool('get-structured-content', { location: 'New York' }),
        tool('no-such-tool'),
        prompt('simple-prompt'),
        prompt('args-prompt', 'city=Paris', 'state=TX'),
        read('demo://resource/static/document/architecture.md'),
        read('demo://nope'),
      ],
    },
    filesystem: {
      args: [server('filesystem'), files],
      calls: [
        ['tools/list'],
        tool('list_directory', { path: files }),
        tool('read_text_file', { path: join(files, 'a.txt') }),
        tool('read_text_file', { path: '/etc/passwd' }),
      ],
    },
    memory: {
      args: [server('memory')],
      env: { MEMORY_FILE_PATH: join(folder, `memory-${side}.jsonl`) },
      calls: [
        ['tools/list'],
        tool('create_entities', { entities: [{ name: 'ada', entityType: 'person', observations: ['first programmer'] }] }),
        tool('read_graph'),
      ],
    },
    'sequential-thinking': {
      args: [server('sequential-thinking')],
      calls: [['tools/list'], tool('sequentialthinking', { thought: 't', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 })],
    },
    legacy: {
      args: [FIXTURES.legacy.file, '--stdio'],
      calls: [
        ['tools/list'],
        ['prompts/list'],
        ['resources/list'],
        tool('test_multiple_content_types'),
        tool('test_error_handling'),
        read('test://template/é/data'),
        prompt('test_prompt_with_arguments', 'arg1=a', 'arg2=b'),
        ['logging/setLevel', '--log-level', 'info'],
      ],
    },
  }
}

type Answer = { readonly code: number | null; readonly json: unknown }

function inspect(target: readonly string[], call: readonly string[], home: string): Promise<Answer> {
  const args = [INSPECTOR, '--cli', ...target, '--format', 'json', '-q', '--method', ...call]
  return new Promise(resolve => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: home },
      timeout: CALL_MS,
    })
    let out = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.on('close', code => {
      // a failure is one JSON line on stderr
      const line = (code === 0 ? out : errors).trim().split('\n').at(-1) ?? ''
      try {
        resolve({ code, json: JSON.parse(line) as unknown })
      } catch {
        resolve({ code, json: { out, errors } })
      }
    })
  })
}

const environment = (subject: Subject): string[] => Object.entries(subject.env ?? {}).flatMap(([key, value]) => ['-e', `${key}=${value}`])

export type InspectorRun = {
  readonly name: string
  readonly title: string
  readonly out: string
  readonly isDirectOnly: boolean
  readonly front: FrontKind
  /** what may differ, and why */
  readonly allowed: readonly Allowance[]
  readonly progress: (line: string) => void
}

type Difference = { readonly scenario: string; readonly direct: Answer; readonly through: Answer }

async function compareAll(
  run: InspectorRun,
  folder: string,
  front: Front | undefined,
): Promise<{ total: number; answered: number; differences: Difference[] }> {
  const direct = subjects(folder, 'direct')
  const through = subjects(folder, 'through')
  const differences: Difference[] = []
  let total = 0
  let answered = 0
  for (const [alias, subject] of Object.entries(direct)) {
    const bearer = await front?.bearer(alias)
    const header = bearer === undefined ? [] : ['--header', `Authorization: Bearer ${bearer}`]
    for (const [index, call] of subject.calls.entries()) {
      const scenario = `${alias} ${call.join(' ')}`
      run.progress(`${run.name}  ${++total}  ${scenario}`)
      const other = through[alias]?.calls[index] ?? call
      const [a, b] = await Promise.all([
        inspect([process.execPath, ...subject.args, ...environment(subject)], call, folder),
        front ? inspect([front.url(alias), '--transport', 'http', '--protocol-era', 'legacy', ...header], other, folder) : undefined,
      ])
      // a call that the Inspector itself could not make has nothing to be compared with
      if (!(typeof a.json === 'object' && a.json !== null && 'out' in a.json)) answered++
      if (b && !(a.code === b.code && isDeepStrictEqual(a.json, b.json))) differences.push({ scenario, direct: a, through: b })
    }
  }
  return { total, answered, differences }
}

/** One leg of the report; a call counts as one scenario. */
export async function runInspector(run: InspectorRun): Promise<LegReport> {
  const started = Date.now()
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-inspector-'))
  mkdirSync(join(folder, 'files'))
  mkdirSync(run.out, { recursive: true })
  writeFileSync(join(folder, 'files/a.txt'), 'one\ntwo\n')
  const upstreams = Object.entries(subjects(folder, 'through')).map(([alias, { args, env }]): [string, UpstreamConfig] => [
    alias,
    { kind: 'stdio', command: process.execPath, args, ...(env && { env }) },
  ])
  const front = run.isDirectOnly ? undefined : await startFront(run.front, Object.fromEntries(upstreams), join(run.out, 'gateway.log'))
  try {
    const { total, answered, differences } = await compareAll(run, folder, front)
    const lost = differences.length
    const text = (value: Answer): string => `exit ${String(value.code)} ${JSON.stringify(value.json)}`
    writeFileSync(join(run.out, 'differences.json'), JSON.stringify(differences, null, 2))
    return {
      name: run.name,
      title: run.title,
      scored: { total, direct: answered, kept: total - lost, degraded: 0, lost },
      unscored: { total: 0, direct: 0, kept: 0, degraded: 0, lost: 0 },
      directFailures: answered === total ? [] : ['a call that the Inspector could not make directly'],
      unexpected: differences
        .filter(({ scenario }) => !run.allowed.some(each => each.scenario === scenario))
        .map(({ scenario, direct, through }) => ({
          scenario,
          loss: {
            id: 'not-equal',
            status: 'FAILURE' as const,
            message: `direct ${text(direct).slice(0, 140)} | through ${text(through).slice(0, 140)}`,
          },
        })),
      stale: [],
      expected: run.allowed.filter(each => differences.some(({ scenario }) => scenario === each.scenario)),
      retried: [],
      isDirectOnly: run.isDirectOnly,
      seconds: (Date.now() - started) / 1000,
    }
  } finally {
    await front?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
