// A gateway that stops while something is being installed: nothing is written afterwards, into no folder, log or database.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lockFileOf } from '../../../src/demo/artifacts/pack.ts'
import { startServed } from '../../support/served-gateway.ts'
import { npmWanted, refusalOf, small, worldOf } from './world.ts'

/** A source that takes requests and never answers. */
let silent: Server
let asked: PromiseWithResolvers<undefined>
let npm: string
beforeEach(async () => {
  asked = Promise.withResolvers()
  silent = createServer(() => asked.resolve(undefined))
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  npm = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
})
afterEach(() => {
  silent.closeAllConnections()
  silent.close()
})

it('attack: a source never answers, so that an installation outlives the store: it ends at once, and leaves nothing', async () => {
  const world = worldOf({ npm })
  const kept = world.store.keep(npmWanted([small()]))
  await asked.promise
  await world.store.close()
  expect(readdirSync(world.folder)).toEqual([])
  expect(refusalOf(await kept)).toMatch(/^artifact-unreachable/)
  expect(refusalOf(await world.store.keep(npmWanted([small()])))).toMatch(/^content-failed/)
  world.end()
})

it('attack: the same behind a gateway: its stop waits, and whatever was pinned is neither used nor on record', async () => {
  const weather = small({ name: '@example/weather', version: '1.0.0' })
  const world = await startServed({ packed: { npm, tarball: weather.tarball, lock: lockFileOf([weather]).toString() } })
  expect((await world.publish('1.0.0', 1)).status).toBe(200)
  const reloaded = world.running.reload(world.pinned('1.0.0'))
  await asked.promise
  await world.running.gateway.stop()
  const content = join(world.running.dataDir, 'content')
  expect(existsSync(content) ? readdirSync(content) : []).toEqual([])
  expect(world.events('server-version')).toEqual([])
  await reloaded.catch(() => {}) // the gateway it is for has stopped
  await world.stop()
})
