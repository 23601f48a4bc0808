// Who sees metrics and dependencies by name: what a proxy passes on counts as its client, and only a declared proxy is believed.

import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mayMonitor } from '../../src/compose/monitoring.ts'
import type { Snapshot } from '../../src/config/schema.ts'

const snapshotOf = (networks: readonly string[], trustedProxies: readonly string[] = []): Snapshot =>
  ({ monitoring: { networks }, trustedProxies }) as unknown as Snapshot
const DEFAULT = ['127.0.0.0/8', '::1/128']

let server: Server
let snapshot = snapshotOf(DEFAULT)
beforeAll(async () => {
  server = createServer((req, res) => res.end(String(mayMonitor(snapshot, req))))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => void server.close())

/** From 127.0.0.1, with these headers as they stand. */
const may = (headers: readonly string[] = []): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const { port } = server.address() as AddressInfo
    const all = ['host', `127.0.0.1:${port}`, ...headers]
    request({ port, host: '127.0.0.1', headers: all }, res => res.on('data', text => resolve(String(text) === 'true')))
      .on('error', reject)
      .end()
  })

describe('monitoring.allow', () => {
  it('by default is this machine', async () => {
    snapshot = snapshotOf(DEFAULT)
    expect(await may()).toBe(true)
    snapshot = snapshotOf(['10.0.0.0/8'])
    expect(await may()).toBe(false)
  })

  it.each([
    ['X-Forwarded-For', '203.0.113.7'],
    ['X-Forwarded-For', '127.0.0.1'],
    ['Forwarded', 'for=127.0.0.1'],
    ['X-Forwarded-Host', 'gw.example.com'],
    ['X-Real-IP', '127.0.0.1'],
  ])('a stranger behind a proxy on this machine that is not declared is no neighbour: %s: %s', async (name, value) => {
    snapshot = snapshotOf(DEFAULT)
    expect(await may([name, value])).toBe(false)
  })

  it('a declared proxy is believed about the last hop, not about what its client claims', async () => {
    snapshot = snapshotOf([...DEFAULT, '10.0.0.0/8'], ['127.0.0.0/8'])
    expect(await may(['x-forwarded-for', '10.1.2.3'])).toBe(true)
    expect(await may(['x-forwarded-for', '203.0.113.7'])).toBe(false)
    expect(await may(['x-forwarded-for', '10.1.2.3, 203.0.113.7'])).toBe(false)
    expect(await may(['x-forwarded-for', 'localhost'])).toBe(false)
    expect(await may(), 'its own checks learn whether, no more').toBe(false)
  })

  it('two headers that say it twice are nobody', async () => {
    snapshot = snapshotOf(DEFAULT, ['127.0.0.0/8'])
    expect(await may(['x-forwarded-for', '127.0.0.1', 'x-forwarded-for', '203.0.113.7'])).toBe(false)
  })
})
