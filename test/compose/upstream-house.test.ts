// What stands behind an alias as versions of the registry come and go, and what is bound to which.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Caller, UpstreamCall } from '../../src/bridge/upstream.ts'
import type { HouseParts } from '../../src/compose/upstream-house.ts'
import { houseUpstreams, type UpstreamHouse } from '../../src/compose/upstream-house.ts'
import type { ConfiguredUpstream, ServedTransport, Snapshot, UpstreamTransport } from '../../src/config/schema.ts'
import type { Stop } from '../../src/kernel/errors.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { silentLogger } from '../support/silent-logger.ts'

const CALLER: Caller = { principal: '*', capabilities: '{}', affinity: '' }
const CALL: UpstreamCall = { caller: CALLER, method: 'tools/call', traceparent: '' }
const WHY: Stop = { stop: 'server-unverified', detail: '`weather`: review-absent: nobody reviewed it' }
const PROGRAM: UpstreamTransport = { kind: 'stdio', command: '/bin/true', args: [], env: {} }
const PIN: ServedTransport = { kind: 'server', name: 'com.example/weather', version: '1.0.0', args: [], env: {}, headers: {} }

type InUse = ReturnType<HouseParts['serving']['inUse']>
let inUse: InUse
let folder: string
let house: UpstreamHouse
const settings = (transport: ConfiguredUpstream['transport']): ConfiguredUpstream =>
  ({
    ...{ alias: 'weather', transport, admission: 'required', launch: { specification: {}, digest: '' }, allow: [], scopes: new Map() },
    ...{ share: 'principal', timeouts: { parkMs: 1 }, limits: { rounds: 1 }, credential: { kind: 'secret' } },
    ...{ labels: [], inspection: {}, accepted: [], arguments: { validate: 'off', rules: [], resourceRoots: [] } },
  }) as unknown as ConfiguredUpstream
const take = (transport: ConfiguredUpstream['transport']): UpstreamEntry => {
  house.take({ upstreams: new Map([['weather', settings(transport)]]), limits: { drainMs: 0 } } as unknown as Snapshot)
  return house.upstreams.entries.get('weather')!
}
const version = (number: string, digest: string, key: string): InUse =>
  ({ key, sinceMs: 7, transport: PROGRAM, served: { name: 'com.example/weather', version: number, digest } }) as unknown as InUse

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'upstream-house-'))
  inUse = undefined
  house = houseUpstreams(
    { dataDir: folder } as Snapshot,
    {
      ...{ log: {}, encoder: {}, metrics: {}, info: {}, contacts: {} },
      logger: silentLogger(),
      environment: {},
      onReplaced() {},
      held: () => undefined,
      serving: { inUse: () => inUse, standing: () => WHY, check: () => Promise.resolve(WHY) },
    } as unknown as HouseParts,
  )
})
afterEach(async () => {
  await house.upstreams.close(0)
  rmSync(folder, { recursive: true, force: true })
})

describe('while nothing may be used', () => {
  it('every way to it hears why, and nobody connects an account to it', async () => {
    const { upstream, credential } = take(PIN)
    expect(await upstream.face(CALLER)).toEqual(WHY)
    expect(await upstream.call(CALL, { notification() {}, request() {} }).done).toEqual({ kind: 'stop', ...WHY })
    expect([upstream.status().connections, credential]).toEqual([0, undefined])
  })
  it('whoever listens is told when there is something', () => {
    const { upstream } = take(PIN)
    const ends: string[] = []
    upstream.subscribe(CALLER, {}, { listChanged() {}, resourceUpdated() {}, other() {}, interrupted() {}, ended: why => ends.push(why) })
    inUse = version('1.0.0', 'aa', 'k')
    house.upstreams.resolveAnew('weather', 0)
    expect(ends).toEqual(['another server is in its place'])
  })
})

describe('accounts of people, states, tasks and scopes', () => {
  it('attack: another version, the same version with another server.json, or a program under the alias finds what was granted to one: all are told apart', () => {
    const served = [version('1.0.0', 'aa', 'k1'), version('1.1.0', 'aa', 'k2'), version('1.0.0', 'bb', 'k3')].map(next => {
      inUse = next
      return take(PIN)
    })
    const bound = [...served, take(PROGRAM)]
    expect(new Set(bound.map(({ credential }) => credential!.account)).size).toBe(4)
    expect(new Set(bound.map(({ identity }) => identity)).size).toBe(4)
    expect(new Set(bound.map(({ version }) => version)).size).toBe(4)
    expect(bound.map(({ scopes }) => scopes.sinceMs)).toEqual([7, 7, 7, 0])
  })
  it('stay with a version that is only started otherwise', () => {
    inUse = version('1.0.0', 'aa', 'k1')
    const before = take(PIN)
    inUse = version('1.0.0', 'aa', 'k2')
    house.upstreams.resolveAnew('weather', 0)
    const after = house.upstreams.entries.get('weather')!
    expect([after.credential, after.version]).toEqual([before.credential, before.version])
    expect(after.upstream).not.toBe(before.upstream)
  })
})
