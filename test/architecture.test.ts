// The dependency rules, run as a test so that no comment can switch them off; and each rule is shown to catch what it is for.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser'
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Approving } from '../src/pipeline/approving.ts'
import type { CallDeps } from '../src/pipeline/stages/call-upstream.ts'
import type { Received } from '../src/pipeline/path.ts'
import { ROLES, type Role } from '../src/administration/roles.ts'
import type { AdminDeps } from '../src/pipeline/administration.ts'
import { createAdminPaths, createPaths, type AdminDoor } from '../src/pipeline/paths.ts'

const root = new URL('..', import.meta.url).pathname
const config = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as IConfiguration
const rules = config.forbidden ?? []

async function violations(baseDir: string): Promise<{ rule: string; from: string; to: string }[]> {
  const tsConfig = extractTSConfig(join(root, 'tsconfig.json'))
  const { options } = config
  const found = await cruise(
    ['src', 'console/src'],
    { ...options, ruleSet: { forbidden: [...rules] }, validate: true, baseDir },
    undefined,
    { tsConfig },
  )
  const { modules, summary } = found.output as ICruiseResult
  expect(modules.length).toBeGreaterThan(10)
  return summary.violations.map(v => ({ rule: v.rule.name, from: v.from, to: v.to }))
}

describe('src', () => {
  it('breaks no dependency rule', async () => {
    expect((await violations(root)).map(v => `${v.rule}: ${v.from} -> ${v.to}`)).toEqual([])
  })

  it('is built from the runtime packages that docs/dependencies.md explains, and no others', () => {
    const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { dependencies: Record<string, string> }
    const explained = [
      ...(readFileSync(`${root}docs/dependencies.md`, 'utf8').split('Development only')[0] ?? '').matchAll(/^\| `([^`]+)`/gm),
    ].map(m => m[1])
    expect(explained.sort()).toEqual(Object.keys(dependencies).sort())
  })

  it('pins every package to one version', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Record<
      string,
      Record<string, string>
    >
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    )
    expect(loose).toEqual([])
  })
})

/** Per rule: a file and one import in it that the rule has to catch. */
const WRONG: Readonly<Record<string, readonly [from: string, imported: string]>> = {
  'no cycles': ['src/kernel/ring-a.ts', './ring-b.ts'],
  'kernel imports kernel alone': ['src/kernel/a.ts', '../mcp/words.ts'],
  'words import words alone': ['src/mcp/a.ts', '../policy/rules.ts'],
  'rooms import themselves and words, never another room': ['src/policy/a.ts', '../audit/log.ts'],
  'pipeline imports rooms and words': ['src/pipeline/a.ts', '../adapters/disk.ts'],
  'a stage knows the facts of other stages, never the stages': ['src/pipeline/stages/a.ts', './admit.ts'],
  'only the table knows the stages': ['src/pipeline/b.ts', './stages/admit.ts'],
  'the table is built by main and used by http': ['src/pipeline/c.ts', './paths.ts'],
  'config reads no further than words and the rules of a few rooms': ['src/config/a.ts', '../bridge/upstream.ts'],
  'adapters implement ports of rooms and words': ['src/adapters/a.ts', '../pipeline/path.ts'],
  'adapters get settings handed in': ['src/adapters/b.ts', '../config/schema.ts'],
  'http walks paths': ['src/http/a.ts', '../policy/rules.ts'],
  'http calls no room but the challenge document': ['src/http/b.ts', '../bridge/replay.ts'],
  'the evaluation provider stands apart from the gateway': ['src/evaluation/a.ts', '../pipeline/path.ts'],
  'the stdio bridge is a host of the gateway, not a part of it': ['src/stdio/a.ts', '../pipeline/path.ts'],
  'the demo is hosts and servers of the gateway, not a part of it': ['src/demo/a.ts', '../pipeline/path.ts'],
  'the command line alone starts the stdio bridge and the demo': ['src/compose/c.ts', '../stdio/bridge.ts'],
  'compose joins parts for main': ['src/compose/a.ts', '../evaluation/provider.ts'],
  'compose gets the snapshot handed in': ['src/compose/b.ts', '../config/load.ts'],
  'compose serves main alone': ['src/cli/a.ts', '../compose/limits.ts'],
  'only serve starts the gateway': ['src/cli/b.ts', '../main.ts'],
  'nobody imports the command line': ['src/config/b.ts', '../cli/io.ts'],
  'rooms, words and the pipeline open no socket, file or process': ['src/audit/a.ts', 'node:fs'],
  'rooms and words use no outside package': ['src/bridge/a.ts', 'express'],
  'no undeclared packages': ['src/adapters/c.ts', 'undeclared'],
  'nothing unresolvable': ['src/adapters/d.ts', './absent.ts'],
  'the console takes of src declared shapes and what looks alike, and no more': ['console/src/a.ts', '../../src/policy/rules.ts'],
  'the console gets shapes, not the code behind them': ['console/src/b.ts', '../../src/approvals/shapes.ts'],
  'pages are made of nothing but themselves: no package, nothing of Node': ['console/src/c.ts', 'express'],
  'nothing of test, bench or docs ships': ['src/adapters/e.ts', '../../test/support.ts'],
}
/** Imports that look alike and are allowed. */
const RIGHT: readonly (readonly [from: string, statement: string])[] = [
  ['src/pipeline/stages/z.ts', "import type { T } from './admit.ts'"],
  ['src/adapters/z.ts', "import type { T } from '../config/schema.ts'"],
  ['src/adapters/z.ts', "import { x } from '../bridge/upstream.ts'"],
  ['src/audit/z.ts', "import { createHash } from 'node:crypto'"],
  ['console/src/z.ts', "import type { T } from '../../src/approvals/shapes.ts'"],
  ['console/src/z.ts', "import { x } from '../../src/kernel/look-alikes.ts'"],
  ['src/main.ts', "import { x } from './compose/limits.ts'"],
]

describe('each rule catches what it is for', () => {
  let dir = ''
  let found: { rule: string; from: string; to: string }[] = []
  const packages = new Set<string>(['undeclared'])
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    writeFileSync(join(dir, file), text, { flag: 'a' })
  }
  /** The packages with owners, as plain names, from the rules themselves. */
  const owned = rules.flatMap(rule => {
    const pkg = /^only .+ may import (\S+)$/.exec(rule.name ?? '')?.[1]
    return pkg === undefined ? [] : [{ rule: rule.name ?? '', pkg }]
  })

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gatehouse-architecture-'))
    const targets = new Set<string>()
    const place = (from: string, statement: string, imported: string): void => {
      write(from, `${statement}\nexport const x = 1\nexport type T = 1\n`)
      if (imported.startsWith('.')) targets.add(posix.join(posix.dirname(from), imported))
      else if (!imported.startsWith('node:')) packages.add(imported)
    }
    for (const [from, imported] of Object.values(WRONG)) place(from, `import { x as y } from '${imported}'`, imported)
    for (const [i, { pkg }] of owned.entries()) place(`src/cli/own-${i}.ts`, `import { x as y } from '${pkg}'`, pkg)
    for (const [from, statement] of RIGHT) write(from, `${statement}\n`)
    targets.delete('src/adapters/absent.ts')
    targets.add('src/kernel/look-alikes.ts')
    for (const target of targets) write(target, 'export const x = 1\nexport type T = 1\n')
    write('src/kernel/ring-b.ts', "import './ring-a.ts'\n")
    write('src/kernel/orphan.ts', 'export const x = 1\n')
    for (const pkg of packages) {
      write(`node_modules/${pkg}/package.json`, JSON.stringify({ name: pkg, version: '1.0.0', type: 'module', exports: './index.js' }))
      write(`node_modules/${pkg}/index.js`, 'export const x = 1\n')
    }
    packages.delete('undeclared')
    write('package.json', JSON.stringify({ type: 'module', dependencies: Object.fromEntries([...packages].map(p => [p, '1.0.0'])) }))
    found = await violations(dir)
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  it('and none is without such a case', () => {
    expect(rules.map(r => r.name).sort()).toEqual([...Object.keys(WRONG), ...owned.map(o => o.rule), 'no orphans'].sort())
  })
  it.each(Object.entries(WRONG))('%s', (rule, [from]) => {
    expect(found).toContainEqual(expect.objectContaining({ rule, from }))
  })
  it.each(owned.map((o, i) => [o.rule, `src/cli/own-${i}.ts`]))('%s', (rule, from) => {
    expect(found).toContainEqual(expect.objectContaining({ rule, from }))
  })
  it('no orphans', () => {
    expect(found).toContainEqual(expect.objectContaining({ rule: 'no orphans', from: 'src/kernel/orphan.ts' }))
  })
  it('and nothing that is allowed', () => {
    const allowed = new Set(RIGHT.map(([from]) => from))
    expect(found.filter(v => allowed.has(v.from) && v.rule !== 'no orphans')).toEqual([])
  })
})

describe('ARCHITECTURE.md', () => {
  const text = readFileSync(`${root}ARCHITECTURE.md`, 'utf8')
  const section = /\n## The table\n([\s\S]*?)\n## /.exec(text)?.[1] ?? ''
  const rows = [...section.matchAll(/^\| (.+?) \| (both|2025|2026) \| (.+?) \|$/gm)].map(([, methods = '', , stages = '']) => ({
    methods: [...methods.matchAll(/`([^`]+)`/g)].map(m => m[1] ?? ''),
    text: methods,
    stages: stages.split(', '),
  }))
  // Stages are built here and never run, so they need nothing.
  const paths = createPaths({} as CallDeps, {} as unknown as Approving)
  // Acts of the transport are known by having no call as their message.
  const stagesOf = (method: string, isRequest = true): string[] => {
    const message = method.startsWith('session/') ? undefined : { kind: isRequest ? 'request' : 'notification' }
    return paths.of({ method, isRequest, message } as Received).stages.map(s => `${s.effect ? '▸' : ''}${s.name}`)
  }
  const FRONT = ['classify', 'authenticate', 'admit']

  it.each(rows.flatMap(row => row.methods.map(method => [method, row.stages] as const)))('shows the stages of %s', (method, stages) => {
    expect(stagesOf(method)).toEqual([...FRONT, ...stages])
  })
  it('shows what becomes of everything else', () => {
    const other = (what: string): string[] => rows.find(row => row.text === `any other ${what}`)?.stages ?? []
    expect(stagesOf('vendor/method')).toEqual([...FRONT, ...other('request')])
    expect(stagesOf('notifications/vendor', false)).toEqual([...FRONT, ...other('notification')])
  })
  it('leaves no method of the table out', () => {
    const source = readFileSync(`${root}src/pipeline/paths.ts`, 'utf8')
    const named = [...source.matchAll(/^ {4}'?([a-z][A-Za-z_/-]*)'?: \w/gm)].map(m => m[1] ?? '')
    expect(named.length).toBeGreaterThan(20)
    expect([...rows, ...acts].flatMap(row => row.methods).sort()).toEqual(named.sort())
  })

  const acts = [...section.matchAll(/^\| (`(?:admin|registry)\/.+?) \| (.+?) \| (.+?) \|$/gm)].map(
    ([, methods = '', roles = '', stages = '']) => ({
      methods: [...methods.matchAll(/`([^`]+)`/g)].map(m => m[1] ?? ''),
      roles: roles.split(' ').filter(role => ROLES.includes(role as Role)),
      isLocal: roles === 'local command',
      isProof: roles === 'a proof',
      stages: stages.split(', '),
    }),
  )
  const inConsole = [...(/^- A session of the console .+$/m.exec(section)?.[0] ?? '').matchAll(/`(admin\/[^`]+)`/g)].map(m => m[1] ?? '')
  const each = acts.flatMap(act => act.methods.map(method => [method, act] as const))
  const adminPaths = createAdminPaths({ rolesOf: () => new Set(), breakGlass: {} } as unknown as AdminDeps)
  const shown = (method: string, door: AdminDoor): string[] | undefined =>
    adminPaths.of(method, door)?.stages.map(s => `${s.effect ? '▸' : ''}${s.name}`)

  it.each(each)('shows the stages of %s', (method, act) => {
    expect(shown(method, 'local')).toEqual(act.isProof ? undefined : ['identify-local', 'admit', ...act.stages])
    expect(shown(method, 'network')).toEqual(act.isLocal ? undefined : ['authenticate', 'admit', ...act.stages])
    expect(shown(method, 'console')).toEqual(inConsole.includes(method) ? ['identify-person', 'admit', ...act.stages] : undefined)
  })
  it('names what a session of the console may ask for', () => {
    expect(inConsole.length).toBeGreaterThan(3)
    expect(acts.flatMap(act => act.methods)).toEqual(expect.arrayContaining(inConsole))
  })
  it.each(each.filter(([, { isLocal, isProof }]) => !isLocal && !isProof))('shows the roles of %s', (method, act) => {
    const passes = ROLES.filter(role => {
      const stages = createAdminPaths({ rolesOf: () => new Set([role]), breakGlass: {} } as unknown as AdminDeps).of(
        method,
        'network',
      )?.stages
      const stage = stages?.find(s => s.name === 'require-role') as { run(x: object): object } | undefined
      return stage !== undefined && !('stop' in stage.run({ principal: { issuer: 'https://idp.example', groups: [] } }))
    })
    expect(passes).toEqual(act.roles.length > 0 ? ROLES.filter(role => act.roles.includes(role)) : [...ROLES])
  })
})
