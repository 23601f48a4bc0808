// A rule about what was read before, between real hosts and servers of both SDK lines: what the shipped set says of open-world tools, word for word.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { admin } from '../attacks/admin-wire.ts'
import { failureOf, REVISIONS, textOf, type Host } from './support/hosts.ts'
import { quadrant } from './support/quadrants.ts'
import { startWorld, type Kind, type World } from './support/world.ts'

/** The shipped rule. */
const GUARD = readFileSync(new URL('../../policies/authz/00-guardrails.cedar', import.meta.url), 'utf8')
  .split('\n\n')
  .find(rule => rule.includes('guard.untrusted'))!

let folder = ''
let world: World
let host: Host | undefined
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-flow-'))
  mkdirSync(join(folder, 'authz'))
  writeFileSync(join(folder, 'authz/all.cedar'), `@id("everything") permit (principal, action, resource);\n${GUARD}`)
  const issues = { settings: { reads: { untrusted: true } } }
  world = await startWorld(
    {
      'v1-http': { kind: 'v1-http', ...issues },
      'v2-http': { kind: 'v2-http', ...issues },
      'v1-stdio': { kind: 'v1-stdio' },
      'v2-stdio': { kind: 'v2-stdio' },
    },
    { policies: { folder }, operators: ['root'] },
  )
})
afterEach(() => host?.close())
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

const WAYS = REVISIONS.flatMap(revision =>
  (['v1-http', 'v2-http'] as const).flatMap(from => (['v1-stdio', 'v2-stdio'] as const).map(to => ({ revision, from, to }))),
)

it.each(WAYS)(
  'host $revision: after a read from $from, the open-world tool of $to is refused until somebody clears the mark',
  async ({ revision, from, to }) => {
    await admin({ gateway: world, port: Number(new URL(world.url).port) }, 'marks/clear', { principal: 'alice', why: 'the next test' })
    const all = (kind: Kind) => quadrant(revision, kind, 'together')
    host = await all(from).connect(world)
    expect(textOf(await host.call(all(to).tool('echo'), { text: 'before' }))).toBe('before')
    expect(textOf(await host.call(all(from).tool('echo'), { text: 'read me' }))).toBe('read me')
    const mark = world.upstream(to).events.mark
    const refused = await failureOf(host.call(all(to).tool('echo'), { text: 'away with it' }))
    expect(JSON.stringify(refused) + refused.message).toContain('policy-denied')
    expect(JSON.stringify(refused) + refused.message).toMatch(new RegExp(`guard\\.untrusted.*untrusted content was read from .${from}.`))
    expect(JSON.stringify(refused)).toContain('gatehouse marks clear')
    expect(world.upstream(to).received('tools/call', mark)).toEqual([])
    const cleared = await admin({ gateway: world, port: Number(new URL(world.url).port) }, 'marks/clear', {
      principal: 'alice',
      why: 'looked at it',
    })
    expect(cleared.body.cleared).toMatchObject([{ server: from, method: 'tools/call', name: 'echo' }])
    expect(textOf(await host.call(all(to).tool('echo'), { text: 'after' }))).toBe('after')
  },
)
