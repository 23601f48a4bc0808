// A real browser where there is one: Chromium without a window, driven by its own protocol (Chrome DevTools Protocol) over a pipe: no port that others could speak to,
// and no package. A profile of its own, gone at the end.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../../kernel/errors.ts'

export type BrowserPage = {
  /** such as `Chromium 140.0` */
  readonly browser: string
  go(url: string): Promise<void>
  /** Waits until the expression is neither false, null nor '', and answers it. Throws Fault `demo-browser` after a minute. */
  until(expression: string): Promise<unknown>
  /** Moves the mouse to the first enabled link or button whose words begin so, once it is there, and presses. */
  click(words: string): Promise<void>
  close(): Promise<void>
}

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
export const findChromium = (): string | undefined => PLACES.find(place => existsSync(place))

/** Nothing of its own goes out: no updates, no synchronisation, no first-run pages. */
const ARGUMENTS = [
  '--headless',
  '--remote-debugging-pipe',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const PATIENCE_MS = 60_000
const LOOK_MS = 50

type Said = { readonly id?: number; readonly result?: Readonly<Record<string, unknown>>; readonly error?: { readonly message: string } }

export async function openChromium(executable: string): Promise<BrowserPage> {
  const profile = await mkdtemp(join(tmpdir(), 'gatehouse-chromium-'))
  // It cannot build its sandbox as the superuser, which containers often are.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const child = spawn(executable, [...ARGUMENTS, ...asRoot, `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const closed = new Promise<unknown>(resolve => child.once('close', resolve).once('error', resolve))
  const line = new Line(child.stdio[3] as Writable, child.stdio[4] as Readable)
  void closed.then(() => {
    line.end()
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL') // there is nothing of it to keep
    await closed
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const { product } = await line.ask('Browser.getVersion')
    const { targetId } = await line.ask('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await line.ask('Target.attachToTarget', { targetId, flatten: true })
    return pageOf(line, { browser: String(product).replace(/^\w*Chrome\//, 'Chromium '), session: String(sessionId), stop })
  } catch (error) {
    await stop()
    throw error
  }
}

type Tab = { readonly browser: string; readonly session: string; readonly stop: () => Promise<void> }

function pageOf(line: Line, { browser, session, stop }: Tab): BrowserPage {
  async function until(expression: string): Promise<unknown> {
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
      // Rejects while one page goes and the next comes.
      const said = await line.ask('Runtime.evaluate', { expression, returnByValue: true }, session).catch(() => undefined)
      const found = (said?.['result'] as { readonly value?: unknown } | undefined)?.value
      if (found !== undefined && found !== false && found !== null && found !== '') return found
      await wait(LOOK_MS)
    }
    throw new Fault('demo-browser', `the browser did not come to \`${expression.slice(0, 120)}\``)
  }
  return {
    browser,
    until,
    async go(url) {
      await line.ask('Page.navigate', { url }, session)
    },
    async click(words) {
      const { x, y } = (await until(middleOf(words))) as { readonly x: number; readonly y: number }
      for (const type of ['mouseMoved', 'mousePressed', 'mouseReleased'])
        await line.ask('Input.dispatchMouseEvent', { type, x, y, button: type === 'mouseMoved' ? 'none' : 'left', clickCount: 1 }, session)
    },
    close: stop,
  }
}

/** Where the page has it, as a person would find it; null while it has not. */
const middleOf = (words: string): string => `(() => {
  const found = [...document.querySelectorAll('a, button')].find(e => !e.disabled && e.innerText.replace(/\\s+/g, ' ').trim().startsWith(${JSON.stringify(words)}))
  if (!found) return null
  found.scrollIntoView({ block: 'center' })
  const { x, y, width, height } = found.getBoundingClientRect()
  return width > 0 ? { x: x + width / 2, y: y + height / 2 } : null
})()`

const ended = (): Fault => new Fault('demo-browser', 'the browser ended')

/** Requests and their answers: JSON, each ended by a zero byte. */
class Line {
  readonly #to: Writable
  readonly #waiting = new Map<number, PromiseWithResolvers<Readonly<Record<string, unknown>>>>()
  #last = 0
  #isOver = false
  #rest = ''

  constructor(to: Writable, from: Readable) {
    this.#to = to
    to.on('error', () => {}) // it is gone: `end` tells whoever waits
    from.setEncoding('utf8').on('data', (chunk: string) => this.#read(chunk))
  }

  async ask(method: string, params: object = {}, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    if (this.#isOver) throw ended()
    const id = (this.#last += 1)
    const answer = Promise.withResolvers<Readonly<Record<string, unknown>>>()
    this.#waiting.set(id, answer)
    this.#to.write(`${JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) })}\0`)
    return answer.promise
  }

  end(): void {
    this.#isOver = true
    for (const { reject } of this.#waiting.values()) reject(ended())
    this.#waiting.clear()
  }

  #read(chunk: string): void {
    const messages = (this.#rest + chunk).split('\0')
    this.#rest = messages.pop() ?? ''
    for (const message of messages) {
      const { id = 0, result = {}, error } = JSON.parse(message) as Said
      const answer = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) answer?.reject(new Fault('demo-browser', error.message))
      else answer?.resolve(result)
    }
  }
}
