// What permits limit is counted, whatever callers name.

import { expect, it } from 'vitest'
import { isStop } from '../../src/kernel/errors.ts'
import { limitStage } from '../../src/pipeline/stages/limit.ts'
import { ParkedCalls } from '../../src/bridge/parked.ts'
import { NO_OBLIGATIONS } from '../../src/policy/obligations.ts'
import { limitsOf } from '../support/limits.ts'

const asks = (kind: string, name: string): any => ({
  principal: { key: 'https://idp.example alice' },
  address: '192.0.2.1',
  route: { entry: { alias: 'up' }, kind, name },
  permit: { rules: [], obligations: { ...NO_OBLIGATIONS, rates: [{ count: 1, seconds: 3600, per: ['principal', 'tool'] }] } },
})
const runs = () => {
  const { limits } = limitsOf()
  const { run } = limitStage({
    reserve: (...call) => limits.reserve(...call),
    parked: new ParkedCalls(() => ({ total: 0, perPrincipal: 0 })),
  })
  return async (...asked: Parameters<typeof asks>): Promise<boolean> => !isStop(await run(asks(...asked)))
}

it('counts each tool and prompt by its name', async () => {
  const run = runs()
  expect([await run('tool', 'a'), await run('tool', 'b'), await run('prompt', 'a'), await run('tool', 'a')]).toEqual([
    true,
    true,
    true,
    false,
  ])
})
it.each([
  ['resource', 'mem://x?1', 'mem://x?2'],
  ['task', 'one', 'two'],
  ['method', 'skills/list', 'skills/get'],
])('attack: another %s each time is no limit of its own', async (kind, first, second) => {
  const run = runs()
  expect([await run(kind, first), await run(kind, second)]).toEqual([true, false])
})
