// The permit while rules change: what was resolved under the old ones is no permit under the new.

import { expect, it } from 'vitest'
import type { Entitlement } from '../../src/policy/allow-list.ts'
import { evaluatePolicyStage } from '../../src/pipeline/stages/evaluate-policy.ts'

const entitled = (...tools: string[]): Entitlement => ({
  permits: (kind, name) => (kind === 'tool' && tools.includes(name) ? 'a-rule' : undefined),
  serverRequests: new Set(),
  digest: tools.join(),
  isEmpty: tools.length === 0,
})

/** Somebody who was shown a tool by the rules of then asks for it, and the server takes its time to list it. */
function waiting(now: Entitlement) {
  const listed = Promise.withResolvers<undefined>()
  const judge: { rules: object | undefined; request: () => never } = {
    rules: {},
    request: () => {
      throw new Error('judged by rules that hide the server')
    },
  }
  const stage = evaluatePolicyStage({ judge, entitlement: () => now, catalogue: { definition: () => listed.promise } } as never)
  const route = { entry: { alias: 'up' }, kind: 'tool', name: 'wipe', entitlement: entitled('wipe') }
  const running = stage.run({ route, principal: { subject: 'bob' }, method: 'tools/call' } as never)
  return { judge, listed, running }
}

it('attack: a reload takes the folder of policies away while the list of the server is awaited: what was shown is not permitted by that', async () => {
  const { judge, listed, running } = waiting(entitled('read'))
  judge.rules = undefined
  listed.resolve(undefined)
  expect(await running).toMatchObject({ stop: 'denied' })
})
it('and what the allow-list names passes', async () => {
  const { judge, listed, running } = waiting(entitled('wipe'))
  judge.rules = undefined
  listed.resolve(undefined)
  expect(await running).toEqual({ permit: { rules: ['a-rule'] } })
})
it('attack: other rules, which hide the whole server, come into force meanwhile: it does not exist', async () => {
  const { judge, listed, running } = waiting(entitled())
  judge.rules = {}
  listed.resolve(undefined)
  expect(await running).toEqual({ stop: 'unknown' })
})
