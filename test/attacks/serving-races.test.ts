// Served versions and what happens at the same moment: reloads, renewals, revocations, disks and logs that fail, a stop. None of it may start or keep what was not judged.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Serving } from '../../src/compose/serving.ts'
import type { ConfiguredUpstream, Snapshot } from '../../src/config/schema.ts'
import { Fault, type Stop } from '../../src/kernel/errors.ts'
import type { ContentStore, Launchable } from '../../src/trust/content.ts'
import { deny, type Denial } from '../../src/trust/denial.ts'
import type { InForce } from '../../src/trust/in-force.ts'
import type { Served } from '../../src/trust/served-version.ts'
import { SURFACE } from '../support/served.ts'

/** What a test holds back until it has done something else. */
class Gate {
  #open = Promise.withResolvers<undefined>()
  #reached = Promise.withResolvers<undefined>()
  readonly reached = (): Promise<unknown> => this.#reached.promise
  readonly open = (): void => this.#open.resolve(undefined)
  async pass(): Promise<void> {
    this.#reached.resolve(undefined)
    await this.#open.promise
  }
}

const version = (more: Partial<Served> = {}): Served =>
  ({
    name: 'com.example/weather',
    version: '1.0.0',
    serverJson: Buffer.from('{}'),
    digest: 'd'.repeat(64),
    sequence: 1,
    countsAs: 1,
    review: { statement: { verifierId: 'https://reviewers.example', timeVerified: '2026-11-27T00:00:00Z' } },
    surface: SURFACE,
    surfaceDigest: 'a'.repeat(64),
    artifacts: new Map([['pkg:npm/weather@1.0.0', 'f'.repeat(128)]]),
    launch: { kind: 'npm', packageIndex: 0, artifact: { purl: 'pkg:npm/weather@1.0.0' }, env: {} },
    untilMs: Infinity,
    ...more,
  }) as unknown as Served

const LAUNCHABLE: Launchable = { command: '/bin/server', args: [], cwd: '/srv', folder: '/srv', treeDigest: 'e'.repeat(64) }
const TAMPERED = deny('tree-changed', 'what lies there is not what was installed')

let judged: Served | Denial
let judging: (() => Promise<void>) | undefined
let over: Denial | undefined
let checking: (() => Promise<Denial | undefined>) | undefined
let keeping: (() => Promise<void>) | undefined
let writing: (() => Promise<void>) | undefined
let unwritable: 'floors' | 'log' | undefined
let records: Record<string, unknown>[]
let ended: (Stop | undefined)[]
let serving: Serving
afterEach(() => {
  vi.useRealTimers()
})
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  judged = version()
  judging = over = checking = keeping = writing = unwritable = undefined
  records = []
  ended = []
  const content: ContentStore = {
    async keep() {
      await keeping?.()
      return LAUNCHABLE
    },
    check: () => checking?.() ?? Promise.resolve(undefined),
  }
  let kept: InForce | undefined
  serving = new Serving({
    trust: {
      async judge() {
        const answer = judged
        await judging?.()
        return answer
      },
      whyNotNow: () => over,
    },
    content,
    floors: {
      of: () => 0,
      raise() {
        if (unwritable === 'floors') throw new Fault('floors-unwritable', 'the disk is full')
      },
    },
    inForce: { current: () => kept, previous: () => undefined, put: (_alias, next) => void (kept = next) },
    async record(detail) {
      await writing?.()
      if (unwritable === 'log') throw new Fault('audit-unavailable', 'the log cannot be written')
      records.push(detail)
    },
    report: () => {},
    changed: (_alias, stop) => void ended.push(stop),
    decided: () => {},
    logger: { warn: () => {}, info: () => {} },
    now: Date.now,
  })
})

const pin = (pinned: string, more: object = {}): Pick<Snapshot, 'upstreams'> => {
  const transport = { kind: 'server', name: 'com.example/weather', version: pinned, args: [], env: {}, headers: {} } as const
  const settings = { alias: 'weather', transport, launch: { specification: {}, digest: '0'.repeat(64) }, ...more }
  return { upstreams: new Map([['weather', settings as unknown as ConfiguredUpstream]]) }
}
const start = (): Promise<void> => serving.configure(pin('1.0.0')).wait()
const key = (): string => serving.inUse('weather')?.key ?? ''
const rule = (stop: Stop | undefined): unknown => (stop?.data?.['trust'] as { rule: string } | undefined)?.rule ?? stop?.detail

describe('files that were changed', () => {
  it('attack: are started because the version is vouched for anew while they are compared', async () => {
    await start()
    const gate = new Gate()
    checking = async () => {
      await gate.pass()
      return TAMPERED
    }
    const asked = serving.check('weather', key())
    await gate.reached()
    await serving.look()
    gate.open()
    expect(rule(await asked)).toBe('tree-changed')
    expect(ended.map(rule)).toEqual([undefined, 'tree-changed'])
  })
  it('attack: another version comes into force while they are compared, and the old one is started all the same', async () => {
    await start()
    const gate = new Gate()
    checking = async () => {
      await gate.pass()
      return undefined
    }
    const asked = serving.check('weather', key())
    await gate.reached()
    checking = undefined
    judged = version({ version: '2.0.0', digest: 'b'.repeat(64) })
    await serving.configure(pin('2.0.0')).wait()
    gate.open()
    expect(rule(await asked)).toMatch(/another version/)
  })
  it('attack: comparing is made slow, so that calls of everybody else end', async () => {
    await start()
    checking = () => Promise.resolve(deny('content-deadline', 'it took longer than 30000 ms'))
    expect(rule(await serving.check('weather', key()))).toBe('content-deadline')
    expect(serving.standing('weather')).toBeUndefined()
    expect(ended).toEqual([undefined])
  })
})

describe('a reload', () => {
  it('attack: comes while a revoked version is judged for a connect, and it is started unjudged', async () => {
    await start()
    judged = deny('version-revoked', 'it was revoked')
    const gate = new Gate()
    judging = () => gate.pass()
    const asked = serving.check('weather', key())
    await gate.reached()
    void serving.configure(pin('1.0.0', { title: 'another' }))
    gate.open()
    expect(rule(await asked)).toBe('version-revoked')
  })
})

describe('what cannot be kept or recorded', () => {
  it('attack: fills the disk, so that the version before goes on under the pin of another', async () => {
    await start()
    unwritable = 'floors'
    judged = version({ version: '2.0.0', digest: 'b'.repeat(64) })
    await serving.configure(pin('2.0.0')).wait()
    expect(rule(serving.standing('weather'))).toBe('content-failed')
    expect(serving.inUse('weather')).toBeUndefined()
  })
  it('attack: fills the disk, so that a review that admits less never counts', async () => {
    await start()
    unwritable = 'floors'
    judged = version({ surfaceDigest: 'c'.repeat(64), surface: { ...SURFACE, tools: {} } })
    expect(rule(await serving.check('weather', key()))).toBe('content-failed')
    vi.advanceTimersByTime(30_000)
    await serving.look()
    expect(rule(serving.standing('weather'))).toBe('content-failed')
    unwritable = undefined
    await serving.look()
    expect([serving.standing('weather'), serving.admission('weather')?.surface.primitives.tool.size]).toEqual([undefined, 0])
  })
  it('attack: the log cannot be written when a version ends: it ends, the connect hears it, and the process lives on', async () => {
    await start()
    checking = () => Promise.resolve(TAMPERED)
    unwritable = 'log'
    expect(rule(await serving.check('weather', key()))).toBe('tree-changed')
    expect(rule(serving.standing('weather'))).toBe('tree-changed')
    // the next would be an unhandled rejection, which fails this test
    checking = unwritable = undefined
    await serving.look()
    unwritable = 'log'
    over = deny('not-after', 'it counted until now')
    serving.tick()
    expect(rule(ended.at(-1))).toBe('not-after')
  })
})

it('attack: keeps the verifier busy for a moment, and connects twice in it: what runs for everybody else goes on', async () => {
  await start()
  judged = deny('verifier-busy', 'more than 256 bundles wait to be verified')
  const asked = [await serving.check('weather', key()), await serving.check('weather', key())]
  expect([...asked.map(rule), serving.standing('weather')]).toEqual(['verifier-busy', 'verifier-busy', undefined])
  vi.advanceTimersByTime(30_000)
  await serving.look()
  expect(rule(serving.standing('weather'))).toBe('verifier-busy')
})

it('attack: a version that ended while it was renewed is taken up again without being judged', async () => {
  await start()
  const gate = new Gate()
  writing = () => gate.pass()
  judged = version({ surfaceDigest: 'c'.repeat(64) })
  const looked = serving.look()
  await gate.reached()
  over = deny('not-after', 'it counted until now')
  serving.tick()
  judged = over
  over = undefined
  gate.open()
  await looked
  expect(rule(serving.standing('weather'))).toBe('not-after')
  expect(serving.inUse('weather')).toBeUndefined()
})

describe('a stop', () => {
  it('waits for an installation that is under way: afterwards nothing comes into force and nothing is recorded', async () => {
    const gate = new Gate()
    keeping = () => gate.pass()
    const { wait } = serving.configure(pin('1.0.0'))
    await gate.reached()
    let isClosed = false
    const closed = serving.close().then(() => (isClosed = true))
    await Promise.resolve()
    expect(isClosed).toBe(false)
    gate.open()
    await Promise.all([closed, wait()])
    expect([serving.inUse('weather'), records]).toEqual([undefined, []])
  })
  it('starts nothing any more, and judges nothing', async () => {
    await start()
    const before = key()
    await serving.close()
    judging = () => Promise.reject(new Error('asked after the stop'))
    expect(rule(await serving.check('weather', before))).toBe('the gateway is stopping')
  })
})
