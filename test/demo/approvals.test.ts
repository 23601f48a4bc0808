import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openChromium } from '../../src/demo/approvals/chromium.ts'
import { gatehouse } from '../cli/io.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const hasChromium = existsSync('/usr/bin/chromium')

describe('gatehouse demo approvals', () => {
  it.skipIf(!hasChromium)(
    'one question is approved in Chromium, one rejected in the terminal, one decided by nobody',
    async () => {
      const { browser, steps } = await shown()
      expect(browser).toMatch(/^Chromium \d/)
      const said = steps.map(({ story }) => story.join('\n'))
      // each party is heard in its own words
      for (const who of ['host', 'notes', 'audit', 'browser']) expect(said[0]).toMatch(new RegExp(`^ +\\d+\\.\\d{3} s  ${who} `, 'm'))
      expect(said[1]).toMatch(/host +gets error -31426, reason approval-rejected: .+What guests tell us is not for a model to read/)
      expect(said[2]).toMatch(/audit +approval-expired: desk asks for elicitation\/create/)
      expect(said[2]).toMatch(/host +gets error -31426, reason approval-spent: .*nobody decided in time/)
    },
    300_000,
  )

  it('says honestly that there is no browser, and makes the requests of its pages', async () => {
    const { browser, steps } = await shown('--browser', 'none')
    expect(browser).toMatch(/^no browser/)
    expect(steps[0]?.story.join('\n')).toMatch(/^ +\d+\.\d{3} s +requests +alice approves exactly what was shown/m)
  }, 300_000)

  it.each(['/bin/false', '/nowhere/chromium'])('a browser that ends or is not there keeps nobody waiting: %s', async executable => {
    await expect(openChromium(executable)).rejects.toThrow('the browser ended')
  })
})

async function shown(...argv: string[]): Promise<{ browser: string; steps: { story: string[] }[] }> {
  const { code, out, err } = await gatehouse(['demo', 'approvals', '--json', ...argv], { cwd: root, now: Date.now })
  expect(err).toBe('')
  const { ok, browser, steps } = JSON.parse(out)
  expect(steps.flatMap((step: any) => step.checks.filter((check: any) => !check.isTrue))).toEqual([])
  expect([ok, code, steps.map((step: any) => step.checks.length)]).toEqual([true, 0, [6, 6, 5, 2]])
  return { browser, steps }
}
