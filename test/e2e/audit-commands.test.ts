// `gatehouse audit show` and `audit tail --follow` against a real gateway and a real server: one call with an approval, questions and rounds, told whole;
// and what comes, told as it comes.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { gatehouse, type Run } from '../cli/io.ts'
import { agreeable, textOf, type Host } from './support/hosts.ts'
import { quadrant } from './support/quadrants.ts'
import { startWorld, type World } from './support/world.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const RULES = `@id("everything") permit (principal, action, resource);
@id("guard") @obligation("approval") @approvers("approvers")
forbid (principal, action == MCP::Action::"tools/call", resource == MCP::Tool::"v2-http/ask-twice") unless { context has approval };`

let folder: string
let world: World
let host: Host
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-commands-'))
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  writeFileSync(join(folder, 'rules/authz/test.cedar'), RULES)
  world = await startWorld(
    { 'v2-http': { kind: 'v2-http', settings: { allow: [] } } },
    {
      operators: ['root'],
      administration: { roles: { approver: { groups: ['approvers'] }, auditor: { subjects: ['audra'] } } },
      policies: { folder: join(folder, 'rules') },
    },
  )
  host = await quadrant('2026-07-28', 'v2-http').connect(world)
  host.person = agreeable()
})
afterAll(async () => {
  await host.close()
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function as(sub: string, argv: readonly string[], groups: readonly string[] = []): Promise<string[]> {
  const file = join(folder, `token-${sub}`)
  writeFileSync(file, await world.token('/admin', { sub, groups }), { mode: 0o600 })
  return [...argv, '--url', world.url, '--token-file', file]
}
const run = async (sub: string, argv: readonly string[], groups?: readonly string[]): Promise<Run> =>
  gatehouse(await as(sub, argv, groups), { cwd: folder })

describe('audit show --call', () => {
  it('tells a call whole: that it was asked for and approved, each round, each question, how it ended', async () => {
    // A host that can be shown a link waits in its call until somebody decided.
    const link = Promise.withResolvers<string>()
    const { person } = host
    host.person = (method, params) => {
      const [, approval] = /\/approvals\/([\w-]{20,})/.exec(JSON.stringify(params)) ?? []
      if (approval !== undefined) link.resolve(approval)
      return person(method, params)
    }
    const calling = host.call('ask-twice')
    const approval = await link.promise
    const shown = await run('bob', ['approvals', 'approve', approval], ['approvers'])
    const digest = /--digest=(\S+)/.exec(shown.out)?.[1] ?? ''
    expect(await run('bob', ['approvals', 'approve', approval, `--digest=${digest}`], ['approvers'])).toMatchObject({ code: 0 })
    expect(textOf(await calling)).toBe('Ada and Bob')
    host.person = person
    const call = world.events().findLast(e => e['type'] === 'outcome' && e['subject']?.name === 'ask-twice')!['call'] as string

    let story: Run | undefined
    await expect
      .poll(async () => (story = await run('audra', ['audit', 'show', '--call', call])).out, { timeout: 10_000 })
      .toContain('tools/call ended: ok')
    const [head, , ...rows] = story!.out.trim().split('\n')
    expect(head).toMatch(/^20\S+Z .*alice/)
    const told = rows.map(row => row.replace(/^\S+ \S+ +/, '').replace(/ +\d+$/, ''))
    const permitted = /^intent +tools\/call permitted by .*everything.*; about to leave$/
    const asks = /^server-request +the server asks elicitation\/create: allowed/
    const input = /^outcome +tools\/call ended: input/
    const expected = [
      ...[/approval-asked/, /refused: approval-pending/, /approval-approved by .*bob/],
      ...[permitted, asks, input, permitted, asks, input, permitted, /^outcome +tools\/call ended: ok, \d+ bytes/],
    ]
    let at = -1
    for (const what of expected) {
      const next = told.findIndex((row, i) => i > at && what.test(row))
      expect(next, `${what.source} in\n${told.join('\n')}`).toBeGreaterThan(at)
      at = next
    }
    // the same from the files
    const offline = await gatehouse(['audit', 'show', '--call', call, '--data-dir', world.dataDir], { cwd: folder })
    expect(offline).toMatchObject({ code: 0, out: story!.out })
  })
})

describe('audit tail --follow', () => {
  let child: ChildProcess | undefined
  afterEach(async () => {
    if (child?.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill()
    await ended
  })

  it.each(['through the gateway', 'from the files'])(
    'tells what comes, each once and in order, until it is interrupted: %s',
    async where => {
      const words = ['audit', 'tail', '--follow', '--json', '-n', '1', '--type', 'intent', '--server', 'v2-http', '--name', 'echo']
      await host.call('echo', { text: 'before' })
      const argv = where.startsWith('from') ? [...words, '--data-dir', world.dataDir] : await as('audra', words)
      let out = ''
      let err = ''
      const seqs = (): number[] =>
        out
          .split('\n')
          .slice(0, -1)
          .map(line => (JSON.parse(line) as { seq: number }).seq)
      await expect
        .poll(
          async () => (await gatehouse([...words.filter(word => word !== '--follow'), '--data-dir', world.dataDir], { cwd: folder })).out,
        )
        .not.toBe('')
      child = spawn(process.execPath, [CLI, ...argv], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text))
      child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text))
      await expect.poll(() => `${seqs().length}${err}`, { timeout: 30_000 }).toBe('1')
      for (let n = 0; n < 3; n += 1) await host.call('echo', { text: `after ${n}` })
      await expect.poll(() => `${seqs().length}${err}`, { timeout: 30_000 }).toBe('4')
      expect(seqs()).toEqual([...new Set(seqs())].sort((a, b) => a - b))
      const written = world.events().flatMap((e, seq) => (e['type'] === 'intent' && e['subject']?.name === 'echo' ? [seq] : []))
      expect(seqs()).toEqual(written.slice(-4))
      const ended = once(child, 'close')
      child.kill('SIGINT')
      await ended
      expect(err).toBe('')
    },
  )
})
