// Another registry over real HTTP: asked seldom enough, gone on with while it is away, and believed no longer than that.

import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RemoteRegistry } from '../../src/adapters/remote-registry.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'

const NAME = 'com.example/weather'
const HOUR = 3_600_000
const LOCK = Buffer.from('{"lock":1}')
const LOCK_DIGEST = hash('sha256', LOCK)

let server: Server
let url: string
let folder: string
let nowMs: number
let asked: IncomingMessage[]
/** undefined = it answers with status 500 */
let answers: string | 404 | undefined
let unkept: unknown[]
beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1)
  asked = []
  unkept = []
  answers = resolution('one')
  server = createServer((req, res) => {
    asked.push(req)
    if (req.url?.includes('/documents/')) return void res.end(req.url.endsWith(LOCK_DIGEST) ? LOCK : 'another')
    if (typeof answers !== 'string') return void res.writeHead(answers ?? 500).end('{}')
    const etag = `"${hash('sha256', answers).slice(0, 16)}"`
    if (req.headers['if-none-match'] === etag) return void res.writeHead(304).end()
    res.writeHead(200, { etag }).end(answers)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  folder = mkdtempSync(join(tmpdir(), 'remote-registry-'))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

const resolution = (description: string, revocations: object[] = [], version = '1.0.0'): string =>
  JSON.stringify({ name: NAME, version, standing: 'admitted', bundles: [], revocations, server: { description } })
const open = (more: object = {}): RemoteRegistry =>
  new RemoteRegistry({
    ...{ url, graceMs: HOUR, folder: join(folder, 'kept'), now: () => nowMs, unkept: (cause: unknown) => void unkept.push(cause), ...more },
    fetch: createSafeFetch({ namedHosts: [new URL(url).host] }),
  })
const says = async (registry: RemoteRegistry, version = '1.0.0'): Promise<unknown> => {
  const found = await registry.find(NAME, version)
  return found && (JSON.parse(found.serverJson.toString()) as { description: string }).description
}

describe('a registry that is asked', () => {
  it('once in ten seconds, by all who want to know at a time, and told what is known', async () => {
    const registry = open()
    expect(await Promise.all([says(registry), says(registry), says(registry)])).toEqual(['one', 'one', 'one'])
    expect(await says(registry)).toBe('one')
    expect(asked.map(req => req.url)).toEqual([`/v1/resolve?name=${encodeURIComponent(NAME)}&version=1.0.0`])
    nowMs += 10_000
    expect(await says(registry)).toBe('one')
    answers = resolution('two')
    nowMs += 10_000
    expect(await says(registry)).toBe('two')
    expect(asked).toHaveLength(3)
    expect(asked[1]!.headers['if-none-match']).toBeDefined()
  })
  it('with its token, which is read anew each time; without one in the file it is not asked', async () => {
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'secret-1\n', { mode: 0o600 })
    const registry = open({ tokenFile })
    await says(registry)
    expect(asked[0]!.headers.authorization).toBe('Bearer secret-1')
    writeFileSync(tokenFile, '\n')
    await expect(open({ tokenFile, folder: join(folder, 'other') }).find(NAME, '1.0.0')).rejects.toThrow('holds none')
    expect(asked).toHaveLength(1)
  })
  it('has no such version: that counts at once, and is not undone by what was kept', async () => {
    const registry = open()
    expect(await says(registry)).toBe('one')
    answers = 404
    nowMs += 10_000
    expect(await says(registry)).toBe(undefined)
    answers = undefined
    await expect(says(open())).rejects.toThrow('500')
  })
  it('asks for each document once, over restarts; what has another digest is kept by nobody', async () => {
    const registry = open()
    await says(registry)
    for (const each of [registry, registry, open()]) expect(await each.document(NAME, '1.0.0', { sha256: LOCK_DIGEST })).toEqual(LOCK)
    expect(asked.filter(req => req.url?.includes('/documents/'))).toHaveLength(1)
    const wrong = 'f'.repeat(64)
    for (let i = 0; i < 2; i++) expect(String(await registry.document(NAME, '1.0.0', { sha256: wrong }))).toBe('another')
    expect(asked.filter(req => req.url?.endsWith(wrong))).toHaveLength(2)
  })
})

describe('a registry that cannot be asked', () => {
  it('counts as it was for the grace, also after a restart, and no longer', async () => {
    const registry = open()
    await says(registry)
    // It counts from the last time it was there, though nothing changed.
    nowMs += HOUR / 2
    await says(registry)
    answers = undefined
    nowMs += HOUR - 1
    expect(await says(registry)).toBe('one')
    expect(await says(open())).toBe('one')
    nowMs += 1
    await expect(says(registry)).rejects.toThrow()
    await expect(says(open())).rejects.toThrow('500')
  })
  it('without a grace it counts not at all', async () => {
    const registry = open({ graceMs: 0 })
    await says(registry)
    answers = undefined
    nowMs += 10_000
    await expect(says(registry)).rejects.toThrow('500')
  })
  it('is not waited for by everybody who connects', async () => {
    const registry = open()
    answers = undefined
    await expect(says(registry)).rejects.toThrow('500')
    await expect(says(registry)).rejects.toThrow('a moment ago')
    expect(asked).toHaveLength(1)
    answers = resolution('one')
    nowMs += 10_000
    expect(await says(registry)).toBe('one')
  })
  it('attack: the clock is set back, so that its last word stays fresh', async () => {
    const registry = open()
    await says(registry)
    answers = undefined
    nowMs -= 1000
    await expect(says(registry)).rejects.toThrow('500')
  })
  it('attack: it answers with another version, or with too much: as if it could not be asked', async () => {
    const registry = open()
    await says(registry)
    answers = resolution('evil', [], '1.0.1')
    nowMs += 10_000
    expect(await says(registry)).toBe('one')
    nowMs += HOUR
    await expect(says(registry)).rejects.toThrow('another version')
  })
  it('what another registry said before, or of another version, is not taken for its word', async () => {
    await says(open())
    answers = undefined
    await expect(says(open({ url: url.replace('127.0.0.1', 'localhost') }))).rejects.toThrow()
    await expect(says(open(), '1.0.1')).rejects.toThrow('500')
  })
})

describe('what it withdrew', () => {
  it('attack: is told once and held back afterwards: it stays withdrawn', async () => {
    const registry = open()
    const blocked = { kind: 'key', target: 'abc=', action: 'block' }
    answers = resolution('one', [blocked])
    await says(registry)
    const before = registry.withdrawn()
    expect(before).toEqual([{ kind: 'key', target: 'abc=' }])
    answers = resolution('one')
    nowMs += 10_000
    await says(registry)
    expect(registry.withdrawn()).toBe(before)
  })
  it.each([
    ['a revocation', () => resolution('one', [{ kind: 'key', target: 'abc=', action: 'block' }]).replace('"admitted"', '"revoked"')],
    ['that there is none', () => 404 as const],
  ])('attack: the disk takes nothing when it says %s: that counts at once', async (_, said) => {
    const registry = open()
    await says(registry)
    rmSync(join(folder, 'kept'), { recursive: true })
    writeFileSync(join(folder, 'kept'), 'in the way')
    answers = said()
    nowMs += 10_000
    const found = await registry.find(NAME, '1.0.0')
    expect(found === undefined || found.isRevoked).toBe(true)
    expect(registry.withdrawn()).toHaveLength(found ? 1 : 0)
    // and a start is possible where nothing can be kept
    answers = resolution('two')
    nowMs += 10_000
    expect(await says(open())).toBe('two')
    expect(unkept.length).toBeGreaterThan(0)
  })
  it('attack: what was kept is changed on the disk: it is asked for whole once, not confirmed unread', async () => {
    await says(open())
    nowMs += 10_000
    await says(open())
    expect(asked.map(req => req.headers['if-none-match'])).toEqual([undefined, undefined])
  })
  it('is known after a restart while it cannot be asked', async () => {
    answers = resolution('one', [{ kind: 'version', target: `${NAME}@1.0.0`, action: 'block' }])
    await says(open())
    answers = undefined
    const registry = open()
    await says(registry)
    expect(registry.withdrawn()).toHaveLength(1)
  })
})
