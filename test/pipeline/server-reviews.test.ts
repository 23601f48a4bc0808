// What a reviewer is told of a server: how it stands, what waits, and the command that admits exactly what is shown.

import { describe, expect, it } from 'vitest'
import { digestOfLaunch, type Launch } from '../../src/admission/launch.ts'
import { digestOfSurface } from '../../src/admission/pinned-surface.ts'
import { emptySeen, surfaceSeen, withList, type SeenSurface } from '../../src/admission/seen-surface.ts'
import { readStatement, statementOf, type Admission } from '../../src/admission/statement.ts'
import { serverReview, serverRow, type ServerFacts } from '../../src/pipeline/server-reviews.ts'

const BIDI = '\u202e'
const launchOf = (url: string): Launch => {
  const specification = { transport: 'http', url, headers: {} }
  return { specification, digest: digestOfLaunch(specification) }
}
const LAUNCH = launchOf('https://crm.example/mcp')
const tools = (...all: readonly { name: string; description?: string }[]): SeenSurface =>
  withList(
    emptySeen('crm'),
    { kind: 'tool', definitions: new Map(all.map(each => [each.name, Buffer.from(JSON.stringify({ ...each, inputSchema: {} }))])) },
    1,
  )
const READ = { name: 'read', description: 'Reads a record.' }

function decided(
  surface: SeenSurface,
  more: { verdict?: 'passed' | 'failed'; reviewer?: string; why?: string; launch?: Launch } = {},
): Admission {
  const { verdict = 'passed', reviewer = 'Dana', why, launch = LAUNCH } = more
  const statement = statementOf({
    ...{ alias: 'crm', verdict, reviewer, reviewedAt: '2026-11-20T09:00:00Z', launch: launch.specification },
    surface: surfaceSeen(surface, 'subset'),
    ...(why !== undefined && { why }),
  })
  const read = readStatement(Buffer.from(statement), 'crm')
  if (typeof read === 'string') throw new Error(read)
  return read
}
const facts = (more: Partial<ServerFacts> = {}): ServerFacts => ({
  ...{ alias: 'crm', admission: 'required', launch: LAUNCH, decided: decided(tools(READ)), signature: 'signed' },
  ...{ seen: tools(READ), definitions: tools(READ) },
  ...more,
})

describe('the row of a server', () => {
  it('as it was admitted waits for nobody', () => {
    expect(serverRow(facts())).toEqual({
      ...{ alias: 'crm', standing: 'admitted', by: 'Dana', at: '2026-11-20T09:00:00Z', signature: 'signed' },
      ...{ held: 0, class: 'same', launch: 'same', isWaiting: false },
    })
  })
  it.each([
    ['nobody reviewed', { decided: undefined, definitions: undefined }, { standing: 'unreviewed', held: 1 }],
    ['lists something else', { seen: tools(READ, { name: 'export_all' }) }, { standing: 'admitted', held: 1 }],
    ['starts otherwise', { launch: launchOf('https://evil.example/mcp') }, { standing: 'admitted', launch: 'changed' }],
    ['has a statement that nobody can read', { decided: { unreadable: 'no JSON' } }, { standing: 'unreadable', why: 'no JSON' }],
  ] as const)('one that %s waits', (_what, more, expected) => {
    expect(serverRow(facts(more))).toMatchObject({ ...expected, isWaiting: true })
  })
  it('one that was refused has its answer, and one that the configuration lets through waits for nobody', () => {
    const refused = decided(tools(READ), { verdict: 'failed', why: 'reads mail' })
    expect(serverRow(facts({ decided: refused }))).toMatchObject({ standing: 'refused', why: 'reads mail', isWaiting: false })
    const configured = facts({ admission: 'configured', decided: undefined, seen: tools({ name: 'anything' }) })
    expect(serverRow(configured)).toMatchObject({ standing: 'configured', held: 0, isWaiting: false })
  })
  it('attack: a name of a reviewer or a reason that turns the line around is shown by its code', () => {
    const row = serverRow(facts({ decided: decided(tools(READ), { verdict: 'failed', reviewer: `Dana${BIDI}`, why: `no${BIDI}` }) }))
    expect(JSON.stringify(row)).not.toContain(BIDI)
    expect([row.by, row.why]).toEqual([expect.stringContaining('202e'), expect.stringContaining('202e')])
  })
})

describe('the review of a server', () => {
  it('names what a statement about exactly this would name', () => {
    const seen = tools(READ, { name: 'export_all' })
    const surface = digestOfSurface(surfaceSeen(seen, 'subset'))
    const review = serverReview(facts({ seen }))
    expect(review).toMatchObject({ surface, admitted: digestOfSurface(surfaceSeen(tools(READ), 'subset')), seen: 'all', same: 1, more: 0 })
    expect(review.command).toBe(`gatehouse server approve crm --surface ${surface} --launch ${LAUNCH.digest}`)
  })
  it.each([
    ['nothing differs', {}],
    ['the configuration lets everything through', { admission: 'configured' }],
    ['not all of it was kept', { decided: undefined, seen: { ...tools(READ), isCut: true } }],
    ['what starts is not pinned', { decided: undefined, launch: { ...LAUNCH, unpinned: 'latest' } }],
  ] as const)('has no command where %s', (_what, more) => {
    expect(serverReview(facts(more)).command).toBeUndefined()
  })
  it('attack: more than is compared here is said, not passed over', () => {
    const seen = tools({ name: 'large', description: 'x'.repeat(1024 * 1024) })
    expect(serverReview(facts({ decided: undefined, seen }))).toMatchObject({
      seen: 'too-large',
      findings: [],
      server: { class: 'not-compared', isWaiting: true },
    })
  })
  it('attack: a thousand new tools are counted beyond those that are shown', () => {
    const seen = tools(...Array.from({ length: 1000 }, (_, i) => ({ name: `tool-${i}` })))
    const { findings, more, server } = serverReview(facts({ seen }))
    expect([findings.length, more, server.held]).toEqual([200, server.held - 200, 1000])
  })
  it('of a version of the registry is reviewed there, and says what the one before listed', () => {
    const version = {
      ...{ name: 'com.example/crm', version: '2.0.0', standing: 'refused' as const, why: 'revoked' },
      before: { name: 'com.example/crm@1.0.0', changes: [] },
    } as const
    const review = serverReview(facts({ decided: undefined, version }))
    expect(review).toMatchObject({ server: { standing: 'refused', version: 'com.example/crm@2.0.0', launch: 'registry', isWaiting: true } })
    expect([review.command, review.launch, review.surface]).toEqual([undefined, undefined, undefined])
    expect(review.before?.name).toBe('com.example/crm@1.0.0')
  })
})
