import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('gatehouse demo supply-chain: a signed server is used, and everybody on its way is stopped, each with a reason of its own', async () => {
  const { code, out, err } = await gatehouse(['demo', 'supply-chain', '--json'], { cwd: root })
  expect(err).toBe('')
  const { ok, attacks } = JSON.parse(out)
  expect(attacks.filter((attack: any) => !attack.isHeld)).toEqual([])
  expect([ok, code]).toEqual([true, 0])
  // what the reviewer reads names both sides
  expect(attacks[0].seen.join('\n')).toMatch(/\/annotations\/readOnlyHint\s+- false\s+\+ true/)
  expect(attacks.map((attack: any) => attack.reason)).toEqual([
    'drifted',
    'server-unverified, artifact-mismatch',
    'server-unverified, tree-changed',
    'server-unverified, server-json-mismatch',
    'server-unverified, below-floor',
    'server-revoked, version-revoked',
  ])
})
