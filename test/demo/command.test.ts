import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('gatehouse demo', () => {
  it.each([
    ['modern', '2026-07-28', 8],
    ['legacy', '2025-11-25', 6],
  ])('walks a %s host through all five steps, and every one did what it claims', async (era, version, booking) => {
    const { code, out, err } = await gatehouse(['demo', '--json', '--era', era], { cwd: root })
    expect(err).toBe('')
    expect(code).toBe(0)
    const transcript = JSON.parse(out)
    expect(transcript).toMatchObject({ ok: true, era, version, person: 'alice' })
    expect(transcript.steps.map((step: any) => step.title)).toEqual([
      'List the tools',
      'Call a tool',
      'A call that asks twice',
      'A call nobody permitted',
      'What was written down',
    ])
    const checks = transcript.steps.flatMap((step: any) => step.checks)
    expect(checks.filter((check: any) => !check.isTrue)).toEqual([])
    expect(checks.length).toBeGreaterThan(15)
    const { rows } = transcript.steps.at(-1)
    expect([1, 2, 3, 4].map(step => rows.filter((row: any) => row.step === step).length)).toEqual([1, 2, booking, 1])
    expect(rows.find((row: any) => row.step === 4).event).toMatchObject({
      type: 'refusal',
      reason: 'denied',
      principal: { subject: 'alice' },
    })
    const [dataDir] = /\/\S*gatehouse-demo-\w+/.exec(JSON.stringify(transcript)) ?? []
    expect(dataDir).toBeDefined()
    expect(existsSync(dataDir!)).toBe(false)
    expect(existsSync(`${root}/examples/first-run/workspace/not-permitted.txt`)).toBe(false)
  })

  it('knows two eras', async () => {
    const { code, err } = await gatehouse(['demo', '--era', 'baroque'], { cwd: root })
    expect(code).toBe(2)
    expect(err).toContain('`modern`')
  })
})
