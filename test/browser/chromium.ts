// Debian's Chromium, driven from the tests. Every person sits at a context of their own: nobody's cookies are anybody else's.

import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions } from 'playwright-core'

const EXECUTABLE = '/usr/bin/chromium'
/** Where it is missing, the tests that need it say so and are skipped (.ci/run installs it). */
export const hasChromium = existsSync(EXECUTABLE)
if (!hasChromium) process.stderr.write(`${EXECUTABLE} is not installed: the tests that drive a browser are skipped\n`)

/** Nothing of its own goes out: no updates, no synchronisation, no first-run pages. The profile is new each time. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const openChromium = (): Promise<Browser> => chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS, headless: true })

/** Somebody at a browser of their own. Patient: a machine under test may be ten times slower than an idle one. */
export async function sitDown(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(60_000)
  return context
}
