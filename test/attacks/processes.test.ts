// N142, N143 and what else a hostile process can do, seen from hosts: its own callers get an error, everybody else their answers.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAlive, nodeServer } from '../support/upstreams/stdio.ts'
import { eventually } from '../support/upstreams/world.ts'
import type { Answer } from './wire.ts'
import { LegacyHost, modern, startWorld, works, type Over, type World } from './world.ts'

const { args } = nodeServer('hostile', 'legacy')
const hostile = (more: object = {}): object => ({
  stdio: { command: process.execPath, args, ...more },
  allow: [{ subjects: ['*'], tools: ['*'] }],
  // what starts a process on a loaded machine has time enough, and a call that is to run out ends soon
  timeouts: { call: '4s', connect: '30s' },
  limits: { messageSize: '1MiB', bufferSize: '4MiB' },
})
const PATH = '/servers/evil/mcp'
const SECRETS = {
  GATEHOUSE_SEALING_KEY: 'sealing-key-of-the-gateway',
  AWS_SECRET_ACCESS_KEY: 'aws-secret',
  DATABASE_URL: 'postgres://user:pw@db',
  NODE_OPTIONS: '',
}

let world: World
beforeAll(async () => {
  world = await startWorld({
    config: {
      upstreams: {
        evil: hostile(),
        shared: { ...hostile(), share: 'all' },
        configured: hostile({ env: { OWN: 'mine', PATH: '/usr/bin' } }),
      },
    },
    environment: { ...process.env, ...SECRETS },
  })
})
afterAll(() => world.stop())

const tokens = new Map<string, string>()
const call = async (who: string, name: string, more: object = {}, path = PATH): Promise<Answer> => {
  const key = `${path} ${who}`
  const token = tokens.get(key) ?? (await world.gateway.token(path, { sub: who }))
  tokens.set(key, token)
  return modern(world, 'tools/call', { name, arguments: more }, { path, token } satisfies Over)
}
const textOf = (answer: Answer): string => answer.body?.result?.content?.[0]?.text
const reasonOf = (answer: Answer): string => answer.body?.error?.data?.reason

/** Alice's process misbehaves; Bob's, and the other server, go on. */
async function attack(name: string, more: object = {}, who = 'alice'): Promise<Answer> {
  expect(textOf(await call('bob', 'echo', { text: 'before' }))).toBe('before')
  const attacked = call(who, name, more)
  for (let i = 0; i < 5; i++) {
    expect(textOf(await call('bob', 'echo', { text: `bob ${i}` }))).toBe(`bob ${i}`)
    await works(world, 'alice')
  }
  const answer = await attacked
  expect(textOf(await call('bob', 'echo', { text: 'after' }))).toBe('after')
  expect(answer.text.length).toBeLessThan(10_000)
  return answer
}
/** After it broke, Alice's own server comes back with the next call or soon after. */
async function recovers(): Promise<void> {
  let answer = await call('alice', 'echo', { text: 'again' })
  while (/^upstream-(unavailable|timeout|lost)$/.test(reasonOf(answer))) answer = await call('alice', 'echo', { text: 'again' })
  expect(textOf(answer)).toBe('again')
}

describe('N142: what a process writes', () => {
  it('N142: lines that are not JSON: a few are skipped, thousands end the process (R39)', async () => {
    expect(textOf(await attack('garbage', { lines: 50 }))).toBe('after garbage')
    expect(reasonOf(await attack('garbage', { lines: 5000 }))).toBe('upstream-invalid')
    await recovers()
  })
  it('N142: a line of a hundred megabytes is cut at its limit, and the process ends', async () => {
    const pid = Number(textOf(await call('alice', 'pid')))
    const before = process.memoryUsage().rss
    expect(reasonOf(await attack('huge-line', { megabytes: 100 }))).toMatch(/^upstream-(invalid|lost)$/)
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024)
    await eventually(() => !isAlive(pid))
    await recovers()
  })
  it('N142: a message over two lines is none', async () => {
    expect(reasonOf(await attack('newline'))).toMatch(/^upstream-/)
    await recovers()
  })
  it('N142: a flood on stderr costs nothing but itself, and none of it reaches the host', async () => {
    const answer = await attack('stderr-flood', { megabytes: 20 })
    expect(textOf(answer)).toBe('after stderr')
    expect(answer.text).not.toContain('secret')
  })
  it('N142: a process that forks and leaves its child with the pipe: both end, and the next call starts a new one', async () => {
    const answer = await attack('fork')
    const child = Number(textOf(answer))
    expect(child).toBeGreaterThan(0)
    await eventually(() => !isAlive(child))
    await recovers()
  })
  it('N142: JSON-RPC requests nobody waits for are refused to the server and shown to nobody', async () => {
    const answer = await attack('ask-outside')
    expect(answer.messages.length).toBe(1)
    const host = await LegacyHost.open(world, {
      token: await world.gateway.token(PATH),
      path: PATH,
      capabilities: { roots: {}, elicitation: {} },
    })
    expect((await host.call('ask-outside')).messages.length).toBe(1)
    const replies = JSON.parse(textOf(await call('alice', 'seen'))).replies as any[]
    expect(replies.filter(r => r.id === 'outside').every(r => r.error.code === -32601)).toBe(true)
  })
  it('N142: answers that are not strict JSON-RPC fail their own call', async () => {
    for (const name of ['duplicate-keys', 'bad-result', 'case-variant']) {
      expect(reasonOf(await attack(name)), name).toMatch(/^upstream-/)
      await recovers()
    }
  })
})

describe('N142: what a process does', () => {
  it('N142: it dies in the middle of a call: the call fails once and is not run again (R28, R41)', async () => {
    expect(reasonOf(await attack('exit'))).toBe('upstream-lost')
    const intents = world.gateway.events().filter(e => e['type'] === 'intent' && e['subject'].name === 'exit')
    expect(intents.length).toBe(1)
    await recovers()
  })
  it('N142: it hangs, or stops reading: its callers get an error in time, others their answers', async () => {
    // Their own processes, so that nobody waits for the gateway to end them: test/adapters/upstream shows that it does.
    expect(reasonOf(await attack('hang', {}, 'mallory'))).toBe('upstream-timeout')
    expect(textOf(await attack('stop-reading', {}, 'trent'))).toBe('deaf')
    const pad = 'x'.repeat(300_000)
    const stuck = await Promise.all(Array.from({ length: 4 }, () => call('trent', 'echo', { text: pad })))
    // Whoever comes once its pipe broke and it was ended is served by its successor.
    expect(stuck.some(answer => textOf(answer) !== pad)).toBe(true)
    for (const answer of stuck) if (textOf(answer) !== pad) expect(reasonOf(answer)).toMatch(/^upstream-/)
    await works(world)
  })
  it('N142: in a shared process it costs those who share it an error, and no server beside it anything', async () => {
    const shared = '/servers/shared/mcp'
    expect(textOf(await call('bob', 'echo', { text: 'shared' }, shared))).toBe('shared')
    const [died] = await Promise.all([call('alice', 'exit', {}, shared), works(world), works(world, 'alice')])
    expect(reasonOf(died)).toBe('upstream-lost')
    let answer = await call('bob', 'echo', { text: 'back' }, shared)
    while (reasonOf(answer) === 'upstream-unavailable') answer = await call('bob', 'echo', { text: 'back' }, shared)
    expect(textOf(answer)).toBe('back')
  })
})

describe('N143: what a process sees', () => {
  it('N143: nothing of the gateway’s environment but a few basics, and what is configured for it', async () => {
    for (const path of [PATH, '/servers/configured/mcp']) {
      const environment = JSON.parse(textOf(await call('alice', 'env', {}, path))) as Record<string, string>
      const text = JSON.stringify(environment)
      for (const [name, value] of Object.entries(SECRETS)) {
        expect(environment).not.toHaveProperty(name)
        if (value !== '') expect(text).not.toContain(value)
      }
      expect(text).not.toContain(world.gateway.dataDir)
      const basics = ['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'TZ', 'USER']
      expect(Object.keys(environment).filter(name => !basics.includes(name))).toEqual(path === PATH ? [] : ['OWN'])
    }
  })
  it('N143: neither the host’s token nor its headers, nor another caller’s process (R31, R105)', async () => {
    const pids = new Set<string>()
    for (const who of ['alice', 'bob', 'carol']) pids.add(textOf(await call(who, 'pid')))
    expect(pids.size).toBe(3)
    const meta = textOf(await call('alice', 'meta'))
    expect(meta).not.toMatch(/eyJ|Bearer|alice/)
  })
})
