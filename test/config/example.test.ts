import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { AdmissionFolder } from '../../src/adapters/admission/admission-folder.ts'
import { readReviewers } from '../../src/adapters/admission/reviewers.ts'
import { compare } from '../../src/admission/compare.ts'
import { whyNotLaunched } from '../../src/admission/launch.ts'
import { digestOfPrimitive, NAMED_BY, PRIMITIVE_KINDS, type PrimitiveKind } from '../../src/admission/primitive.ts'
import { probeUpstream } from '../../src/cli/doctor/probe.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfiguredUpstream, Snapshot, UpstreamSettings } from '../../src/config/schema.ts'
import { testIo } from '../cli/io.ts'

const file = fileURLToPath(new URL('../../examples/first-run/gatehouse.yaml', import.meta.url))
let snapshot: Snapshot
beforeAll(async () => {
  const loaded = await loadConfig(file, { env: {} })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  snapshot = loaded.snapshot
  expect(loaded.warnings.map(w => w.code)).toEqual(['evaluation', 'unverified-sources'])
})

/** What the real server offers to a host that can do everything. */
async function offered(upstream: ConfiguredUpstream) {
  const { transport } = upstream
  if (transport.kind !== 'stdio') throw new Error('expected a process')
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-example-'))
  const client = new Client(
    { name: 'test', version: '0' },
    { capabilities: { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {} } },
  )
  client.fallbackRequestHandler = () => Promise.resolve({ roots: [] })
  const env = {
    PATH: process.env['PATH'] ?? '',
    ...transport.env,
    ...('MEMORY_FILE_PATH' in transport.env ? { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') } : {}),
  }
  try {
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [...transport.args],
        env,
        ...(transport.cwd ? { cwd: transport.cwd } : {}),
        stderr: 'ignore',
      }),
    )
    // Some tools join the list only once the server has seen what the host can do.
    await client.ping()
    const capabilities = client.getServerCapabilities()
    const { tools } = await client.listTools()
    const prompts = capabilities?.prompts ? (await client.listPrompts()).prompts : []
    const resources = capabilities?.resources ? (await client.listResources()).resources : []
    const resourceTemplates = capabilities?.resources ? (await client.listResourceTemplates()).resourceTemplates : []
    const definitions: Readonly<Record<PrimitiveKind, readonly Readonly<Record<string, unknown>>[]>> = {
      tool: tools,
      prompt: prompts,
      resource: resources,
      resourceTemplate: resourceTemplates,
    }
    return { tools: tools.map(t => t.name), prompts: prompts.map(p => p.name), resources: resources.map(r => r.uri), definitions }
  } finally {
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('the first-run configuration', () => {
  it('is for this machine only, with alice in staff and bob', () => {
    expect(snapshot.listen).toEqual({ host: '127.0.0.1', port: 8400 })
    expect(snapshot.evaluation).toEqual({
      port: 8401,
      users: [
        { name: 'alice', groups: ['staff'] },
        { name: 'bob', groups: [] },
      ],
    })
    expect(snapshot.dataDir).toBe(fileURLToPath(new URL('../../.gatehouse', import.meta.url)))
    expect([...snapshot.upstreams.keys()]).toEqual(['everything', 'files', 'memory'])
  })

  it.each([
    ['everything', ['get-env', 'gzip-file-as-resource']],
    ['files', ['write_file']],
    ['memory', ['delete_entities']],
  ])('names what %s really offers, and leaves out what shows a refusal', async (alias, leftOut) => {
    const upstream = snapshot.upstreams.get(alias)!
    const real = await offered(upstream)
    const named = upstream.allow.flatMap(rule => rule.tools)
    // Tools that need a capability this host declares late may be missing from the list, never the other way round.
    expect(real.tools.filter(tool => !named.includes(tool)).sort()).toEqual(leftOut)
    const conditional = ['get-roots-list', 'trigger-elicitation-request', 'trigger-url-elicitation', 'trigger-sampling-request']
    expect(named.filter(tool => !real.tools.includes(tool) && !conditional.includes(tool))).toEqual([])
    expect(real.prompts.sort()).toEqual(upstream.allow.flatMap(rule => [...rule.prompts]).sort())
    for (const uri of real.resources)
      expect(upstream.allow.some(rule => rule.resources.some(r => (r.endsWith('*') ? uri.startsWith(r.slice(0, -1)) : r === uri)))).toBe(
        true,
      )
    expect(upstream.allow[0]?.serverRequests).toEqual(['elicitation.form', 'sampling'])
  })

  it.each(['everything', 'files', 'memory'])(
    '%s starts and lists as it was reviewed, signed and committed, to the last field',
    async alias => {
      const folder = new AdmissionFolder({ record: () => Promise.resolve() })
      await folder.look({ folder: snapshot.admissions, aliases: [alias], reviewers: readReviewers(snapshot.reviewers) })
      const admission = folder.of(alias)
      if (!admission || !('surface' in admission)) throw new Error(admission?.unreadable)
      expect(whyNotLaunched(alias, snapshot.upstreams.get(alias)!.launch, admission)).toBe(undefined)
      const { definitions } = await offered(snapshot.upstreams.get(alias)!)
      for (const kind of PRIMITIVE_KINDS) {
        const live = definitions[kind].map(
          d => [String(d[NAMED_BY[kind]]), digestOfPrimitive(kind, JSON.stringify(d)) ?? 'unreadable'] as const,
        )
        const { held, same } = compare(kind, live, admission.surface)
        // Asked for by a host that can do more than the rules of this configuration permit.
        const more = alias === 'everything' && kind === 'tool' ? ['get-roots-list', 'trigger-url-elicitation'] : []
        expect([...held.keys()].filter(name => !more.includes(name))).toEqual([])
        expect(same.size).toBe(live.length - [...held.keys()].length)
      }
    },
  )

  it('its servers answer the doctor', async () => {
    const upstream = snapshot.upstreams.get('everything') as UpstreamSettings
    const probe = await probeUpstream(upstream, testIo({ cwd: tmpdir() }))
    expect(probe).toEqual({ ok: true, detail: expect.stringContaining('it answers: mcp-servers/everything') })
    const missing = { ...upstream, transport: { ...upstream.transport, command: 'no-such-program' } as UpstreamSettings['transport'] }
    expect((await probeUpstream(missing, testIo({ cwd: tmpdir() }))).ok).toBe(false)
  })
})

describe('what the commands of the repository run', () => {
  it.each(['examples/first-run', 'examples/deputy', 'bench', 'test/conformance'])(
    '%s: every server is admitted by a committed statement that the key of examples/reviewer.pem signed, as it starts there',
    async folder => {
      const path = fileURLToPath(new URL(`../../${folder}/gatehouse.yaml`, import.meta.url))
      const loaded = await loadConfig(path, { env: {} })
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
      const { admissions, reviewers, upstreams } = loaded.snapshot
      expect([...reviewers.values()]).toEqual([
        { kind: 'key', publicKey: fileURLToPath(new URL('../../examples/reviewer.pem', import.meta.url)), isEvaluation: false },
      ])
      const read = new AdmissionFolder({ record: () => Promise.resolve() })
      await read.look({ folder: admissions, aliases: [...upstreams.keys()], reviewers: readReviewers(reviewers) })
      for (const { alias, admission, launch } of upstreams.values()) {
        const standing = read.of(alias)
        if (!standing || !('surface' in standing)) throw new Error(`${alias}: ${standing?.unreadable ?? 'nobody has reviewed it'}`)
        expect([admission, standing.verdict, whyNotLaunched(alias, launch, standing)]).toEqual(['required', 'passed', undefined])
      }
    },
  )

  it('the suite’s own servers: every statement is signed', async () => {
    const folder = fileURLToPath(new URL('../conformance/admissions', import.meta.url))
    const names = readdirSync(folder).flatMap(name => /^(suite-.*)\.sigstore\.json$/.exec(name)?.[1] ?? [])
    expect(names.length).toBeGreaterThan(12)
    const read = new AdmissionFolder({ record: () => Promise.resolve() })
    await read.look({ folder, aliases: names, reviewers: readReviewers(snapshot.reviewers) })
    expect(names.filter(name => !('surface' in (read.of(name) ?? {})))).toEqual([])
  })
})
