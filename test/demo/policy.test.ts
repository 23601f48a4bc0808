import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('gatehouse demo policy: from a test that fails to a denial explained, and exactly two recorded decisions change', async () => {
  const { code, out, err } = await gatehouse(['demo', 'policy', '--json'], { cwd: root })
  expect(err).toBe('')
  const { ok, steps } = JSON.parse(out)
  expect(steps.flatMap((step: any) => step.checks.filter((check: any) => !check.isTrue))).toEqual([])
  expect([ok, code, steps.length]).toEqual([true, 0, 7])
  const said = (step: number): string => steps[step - 1].story.join('\n')
  expect(said(4)).toMatch(/^ {2}\d+ same, 2 changed, 0 undecidable\n {2}\(exit code 1\)$/m)
  expect(said(4).match(/allow -> deny by contractors\.destroy-nothing: User \S+ bob tools\/call Tool memory\/delete_/g)).toHaveLength(2)
  expect(said(7)).toContain('decided by these facts')
}, 300_000)
