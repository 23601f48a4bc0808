import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('gatehouse demo deputy: every attack is made and refused, each with its reason', async () => {
  const { code, out, err } = await gatehouse(['demo', 'deputy', '--json'], { cwd: root })
  expect(err).toBe('')
  const { ok, attacks } = JSON.parse(out)
  expect(attacks.filter((attack: any) => !attack.isHeld)).toEqual([])
  expect([ok, code]).toEqual([true, 0])
  expect(attacks.length).toBeGreaterThanOrEqual(10)
  expect(new Set(attacks.map((attack: any) => attack.by))).toEqual(new Set(['host', 'server']))
  const reasons = new Set(attacks.map((attack: any) => attack.reason))
  for (const reason of ['token-invalid', 'unknown', 'scope-missing', 'session-unknown', 'state-invalid', 'gated'])
    expect(reasons).toContain(reason)
})
it('gatehouse demo: another scene is a mistake, said as one', async () => {
  const { code, err } = await gatehouse(['demo', 'nonsense'], { cwd: root })
  expect([code, err]).toEqual([
    2,
    'gatehouse demo: expected no scene, `deputy`, `supply-chain`, `policy`, `approvals` or `audit`, got `nonsense`\n',
  ])
})
