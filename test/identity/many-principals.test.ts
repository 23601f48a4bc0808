// A hundred thousand principals, one after the other: what is remembered of them stays within the caches' bounds, and the last is served like the first.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createAuthenticator } from '../../src/identity/bearer.ts'
import { GroupChanges } from '../../src/identity/group-changes.ts'
import { isStop } from '../../src/kernel/errors.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { createEntitlements } from '../../src/pipeline/entitlements.ts'
import { limitsOf } from '../support/limits.ts'
import { CLAIMS, encode, MCP, NOW, RULES } from './issuer.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
beforeAll(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: NOW * 1000 }))
afterAll(() => {
  vi.useRealTimers()
  setFlagsFromString('--no-expose-gc')
})

const HEAD = encode({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
const SIGNATURE = Buffer.alloc(64, 7).toString('base64url')
/** Its signature is not looked at here: a hundred thousand true ones would take minutes to make. */
const tokenOf = (n: number): string =>
  `${HEAD}.${encode({ ...CLAIMS, sub: `person-${n}`, groups: ['staff', `team-${n}`], jti: `j${n}` })}.${SIGNATURE}`

it('100,000 principals leave no more behind than 25,000 did', async () => {
  const groups = new GroupChanges(() => {})
  const authenticator = createAuthenticator({
    issuers: [RULES],
    verifier: { epoch: 0, verify: () => Promise.resolve('valid') },
    judge: (principal, resource) => groups.judge(principal, resource),
  })
  const { limits, pass } = limitsOf({ rates: { principal: { count: 200, seconds: 2 } } })
  const entitlements = createEntitlements()
  const entry = { alias: 'up', rules: [] } as unknown as UpstreamEntry
  const serve = async (n: number): Promise<void> => {
    const principal = await authenticator.authenticate(`Bearer ${tokenOf(n)}`, MCP, NOW)
    if (isStop(principal)) throw new Error(principal.detail)
    if (principal.subject !== `person-${n}` || (await limits.admit(principal))) throw new Error(`refused person ${n}`)
    entitlements.of({ principal }, entry)
    // The limiter counts each for two seconds.
    pass(0.001)
    vi.advanceTimersByTime(1)
  }
  const heapAfter = async (from: number, to: number): Promise<number> => {
    for (let n = from; n < to; n++) await serve(n)
    gc()
    return process.memoryUsage().heapUsed
  }
  const early = await heapAfter(0, 25_000)
  const late = await heapAfter(25_000, 100_000)
  // Each principal that were kept would be over a kilobyte: 75 MB for those that came since.
  expect((late - early) / 1024 / 1024).toBeLessThan(8)
  await serve(0)
})
