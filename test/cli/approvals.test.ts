// Approvals in a terminal: what would run is shown whole, approved exactly as shown, or rejected with a sentence.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { followApprovals } from '../../src/cli/admin/follow-approvals.ts'
import { callTool, startWorld, type World } from '../attacks/world.ts'
import { gatehouse } from './io.ts'

const RULES = `@id("everything") permit (principal, action, resource);
@id("guard") @obligation("approval") @approvers("approvers") @standing("8h")
forbid (principal, action == MCP::Action::"tools/call", resource == MCP::Tool::"up/forbidden") unless { context has approval };`

let folder = ''
let world: World
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-approvals-cli-'))
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  writeFileSync(join(folder, 'rules/authz/test.cedar'), RULES)
  world = await startWorld({
    allow: [],
    config: {
      operators: ['root'],
      administration: { roles: { approver: { groups: ['approvers'] } } },
      policies: { folder: join(folder, 'rules') },
    },
  })
})
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A command of an approver. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const token = await world.gateway.token('/admin', { sub: 'bob', groups: ['approvers'] })
  writeFileSync(join(folder, 'token'), token, { mode: 0o600 })
  return gatehouse([...argv, '--url', world.gateway.url, '--token-file', 'token'], { cwd: folder })
}
const asked = async (args: object): Promise<string> => {
  const { body } = await callTool(world, 'forbidden', args)
  return body.error.data.approval as string
}

it('attack: the tail of a long argument hides what matters, and a name turns the direction of the line', async () => {
  const id = await asked({ path: `/tmp/${'a'.repeat(6000)}/../../etc/passwd`, text: 'safe\u202e\u001b[2J\nline' })
  expect((await run('approvals', 'list')).out).toContain(id)
  const shown = await run('approvals', 'approve', id)
  expect(shown.code).toBe(0)
  expect(shown.out).toContain('/../../etc/passwd')
  expect(shown.out).toContain('safe[U+202E][U+001B][2J\\nline')
  expect(shown.out).not.toMatch(/[\u202e\u001b]/)
  const digest = /--digest=(\S+)/.exec(shown.out)?.[1] ?? ''
  // One of 64 digests begins like an option: the line as it is printed is none.
  for (const other of ['other', '-other']) expect((await run('approvals', 'approve', id, `--digest=${other}`)).code).toBe(1)
  expect((await run('approvals', 'approve', id, `--digest=${digest}`, '--standing', '1h')).out).toMatch(
    /^approved: 1 of 1 said yes\nstanding grant /,
  )
  expect((await run('approvals', 'approve', id, `--digest=${digest}`)).out).toContain('you had said so before')
})

it('lists and revokes standing grants', async () => {
  const { grants } = JSON.parse((await run('grants', 'list', '--json')).out) as { grants: { id: string }[] }
  const id = grants[0]?.id ?? ''
  expect((await run('grants', 'revoke', id)).out).toBe(`revoked ${id}\n`)
  expect((await run('grants', 'list')).out).toBe('there are no standing grants\n')
})

it('attack: a text that reads as a number, a line break as two letters, and a key as a path or a value', async () => {
  const id = await asked({
    n: '5',
    m: 5,
    one: 'echo ok\\nrm -rf /',
    two: 'echo ok\nrm -rf /',
    'to = alice': 1,
    'a/b': 1,
    a: { b: 2, c: [] },
    q: '" = "',
  })
  const { out } = await run('approvals', 'show', id)
  const lines = out.split('\n').map(line => line.trim())
  expect(lines).toEqual(
    expect.arrayContaining([
      '/arguments/n = "5"',
      '/arguments/m = 5',
      '/arguments/one = "echo ok\\\\nrm -rf /"',
      '/arguments/two = "echo ok\\nrm -rf /"',
      '/arguments/"to = alice" = 1',
      '/arguments/"a/b" = 1',
      '/arguments/a/b = 2',
      '/arguments/a/c = []',
      String.raw`/arguments/q = "\" = \""`,
    ]),
  )
})

it('attack: whoever approves in a terminal sees less than in the console: who asks, from where, with what, and who decides', async () => {
  const other = await asked({ n: 0 })
  const id = await asked({ n: 1 })
  const { out } = await run('approvals', 'approve', id)
  const { approval, shown } = JSON.parse((await run('approvals', 'show', id, '--json')).out) as { approval: any; shown: any }
  for (const told of [
    `asked by ${approval.requester.subject} at ${approval.requester.issuer} with ${approval.requester.client}`,
    `yes     0 of 1`,
    shown.definition.digest,
    'account it takes none',
    `${world.path} (modern), from 127.0.0.1, request ${shown.from.request}`,
    'by      guard, decided by approvers',
    other,
  ])
    expect(out).toContain(told)
})

it('attack: letters that are written from right to left swap the numbers beside them in a terminal', async () => {
  const id = await asked({ text: 'from 100 \u05d0\u05d1 to 200', '\u05d0 1': true })
  const { out } = await run('approvals', 'approve', id)
  expect(out).toContain('/arguments/text = "from 100 [U+05D0 U+05D1] to 200"')
  expect(out).toContain('/arguments/"[U+05D0] 1" = true')
})

it('attack: what cannot be shown any more comes with the line that approves it', async () => {
  const id = await asked({ n: 'gone' })
  const db = new Database(join(world.gateway.dataDir, 'state.db'))
  db.prepare('UPDATE approvals SET body = NULL WHERE id = ?').run(id)
  db.close()
  const { out } = await run('approvals', 'approve', id)
  expect(out).toContain('what would run cannot be shown any more')
  expect(out).not.toContain('to approve')
  expect((await run('approvals', 'reject', id, '--why', 'what was it?')).out).toBe('rejected\n')
})

it('rejects with a sentence, and asks for one', async () => {
  const id = await asked({ n: 1 })
  expect(await run('approvals', 'reject', id)).toMatchObject({ code: 2 })
  expect(await run('approvals', 'reject', id, '--why', 'not today')).toMatchObject({ code: 0, out: 'rejected\n' })
  const { body } = await callTool(world, 'forbidden', { n: 1 })
  expect(body.error.message).toContain('not today')
})

it('watches over a stream that breaks: what happened meanwhile is told, and nothing twice', async () => {
  const before = await asked({ n: 2 })
  const end = new AbortController()
  const wire = { cut: new AbortController() }
  const told: string[] = []
  let breaks = 0
  const broken = Promise.withResolvers<undefined>()
  const mended = Promise.withResolvers<undefined>()
  const heard = new Map<string, () => void>()
  const hear = (what: string): Promise<unknown> =>
    told.includes(what) ? Promise.resolve() : new Promise<unknown>(resolve => heard.set(what, () => resolve(undefined)))
  const token = await world.gateway.token('/admin', { sub: 'bob', groups: ['approvers'] })
  const headers = { authorization: `Bearer ${token}` }
  const ask = (path: string, more: object = {}): Promise<Response> => fetch(world.gateway.url + path, { headers, ...more })
  const watching = followApprovals({
    open: signal => ask('/admin/approvals/events', { signal: AbortSignal.any([signal, wire.cut.signal]) }),
    async list() {
      return { ok: true, body: (await (await ask('/admin/approvals/list')).json()) as Record<string, unknown> }
    },
    tell({ approval }) {
      const { id, state } = approval as { id: string; state: string }
      told.push(`${id} ${state}`)
      heard.get(`${id} ${state}`)?.()
    },
    broke() {
      breaks += 1
      broken.resolve(undefined)
    },
    wait: () => mended.promise.then(() => {}),
    signal: end.signal,
  })
  await hear(`${before} pending`)
  const during = await asked({ n: 3 })
  await hear(`${during} pending`)
  wire.cut.abort()
  await broken.promise
  wire.cut = new AbortController()
  expect((await run('approvals', 'reject', during, '--why', 'while it was broken')).code).toBe(0)
  const meanwhile = await asked({ n: 4 })
  mended.resolve(undefined)
  await Promise.all([hear(`${during} rejected`), hear(`${meanwhile} pending`)])
  await run('approvals', 'reject', meanwhile, '--why', 'enough')
  await hear(`${meanwhile} rejected`)
  end.abort()
  expect(await watching).toBeUndefined()
  expect(breaks).toBe(1)
  expect(told).toEqual([...new Set(told)])
  // What had ended before anybody watched is no news.
  expect(told.filter(each => !each.endsWith('pending'))).toEqual([`${during} rejected`, `${meanwhile} rejected`])
})

it('does not go on asking where it is refused', async () => {
  writeFileSync(join(folder, 'token'), 'no-token-of-anybody', { mode: 0o600 })
  const refused = await gatehouse(['approvals', 'watch', '--url', world.gateway.url, '--token-file', 'token'], { cwd: folder })
  expect(refused).toMatchObject({ code: 1, out: '' })
})
