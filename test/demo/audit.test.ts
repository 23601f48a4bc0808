import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('gatehouse demo audit: who did it, a proof, and everybody who changes the log is found out, by the log or by what was kept elsewhere', async () => {
  const { code, out, err } = await gatehouse(['demo', 'audit', '--json'], { cwd: root, now: Date.now })
  expect(err).toBe('')
  const { ok, steps } = JSON.parse(out)
  expect(steps.flatMap((step: any) => step.checks.filter((check: any) => !check.isTrue))).toEqual([])
  expect([ok, code, steps.map((step: any) => step.checks.length)]).toEqual([true, 0, [3, 3, 2, 2, 3, 3, 3]])
  const said = steps.map((step: any) => step.story.join('\n'))
  expect(said[2]).toMatch(/intent +tools\/call permitted by notes-all/)
  expect(said[5]).toMatch(/^ *NOT VERIFIED$/m)
}, 300_000)
