import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { LoadResult } from '../../src/config/load.ts'
import { fingerprintOf, restartNeeded, watchConfig } from '../../src/config/reload.ts'
import { MINIMAL, snapshot } from './configs.ts'

let folder: string
let file: string
let results: LoadResult[]
let stop: () => void
let tick: () => Promise<void>
let hangup: () => Promise<void>
let loads: Promise<unknown>[]
/** Runs while the file is being read, once. */
let during: (() => void) | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-reload-'))
  file = join(folder, 'gatehouse.yaml')
  results = []
  loads = []
  during = undefined
})
afterEach(() => {
  stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Watches with a clock and a signal of our own; real files, real loading. */
async function watch(running?: string): Promise<void> {
  const idle = { fingerprint: Promise.resolve() as Promise<unknown> }
  let look = (): void => undefined
  let ask = (): void => undefined
  stop = watchConfig(file, result => results.push(result), {
    ...(running === undefined ? {} : { running }),
    load: async path => {
      const loading = loadConfig(path, { env: {} })
      loads.push(loading)
      const result = await loading
      during?.()
      during = undefined
      return result
    },
    fingerprint: path => {
      const asked = fingerprintOf(path)
      idle.fingerprint = asked
      return asked
    },
    every: (_, run) => {
      look = run
      return () => undefined
    },
    onRequest: run => {
      ask = run
      return () => undefined
    },
  })
  // A step is over when nothing it waits for is pending any more.
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      await idle.fingerprint
      await Promise.all(loads)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  await settle()
  tick = async () => {
    look()
    await settle()
  }
  hangup = async () => {
    ask()
    await settle()
  }
}
const put = (text: string): void => writeFileSync(file, text)
const level = (name: string): string => `${MINIMAL}log: { level: ${name} }\n`
const seen = (): string[] => results.map(r => (r.ok ? r.snapshot.log.level : `faulty ${r.faults[0]?.code}`))

describe('N148 reload', () => {
  it('hands a change over once the file has stood still for an interval', async () => {
    put(level('info'))
    await watch()
    await tick()
    put(level('warn'))
    await tick()
    expect(seen()).toEqual([])
    await tick()
    expect(seen()).toEqual(['warn'])
    await tick()
    await tick()
    expect(seen()).toEqual(['warn'])
  })

  it('attack: a syntax error or a fault is reported and nothing is swapped; the repair is', async () => {
    put(level('info'))
    await watch()
    put('version: 1\nlog: [')
    await tick()
    await tick()
    expect(seen()).toEqual(['faulty yaml'])
    put(`${MINIMAL}unknown: 1\n`)
    await tick()
    await tick()
    put(level('error'))
    await tick()
    await tick()
    expect(seen()).toEqual(['faulty yaml', 'faulty unknown-key', 'error'])
  })

  it('attack: a partial write is never loaded while the writer goes on', async () => {
    put(level('info'))
    await watch()
    const whole = level('debug')
    for (let length = 10; length < whole.length; length += 10) {
      put(whole.slice(0, length))
      await tick()
    }
    expect(results).toEqual([])
    expect(loads).toEqual([])
    put(whole)
    await tick()
    await tick()
    expect(seen()).toEqual(['debug'])
  })

  it('attack: a file that changes while it is read is not taken', async () => {
    put(level('info'))
    await watch()
    put(level('warn'))
    await tick()
    during = () => put(level('error'))
    await tick()
    expect(seen()).toEqual([])
    await tick()
    await tick()
    expect(seen()).toEqual(['error'])
  })

  it('follows a save by rename', async () => {
    put(level('info'))
    await watch()
    writeFileSync(join(folder, 'tmp'), level('warn'))
    renameSync(join(folder, 'tmp'), file)
    await tick()
    await tick()
    expect(seen()).toEqual(['warn'])
  })

  it('follows a link swapped in the middle of the path, as mounted configurations are', async () => {
    for (const [name, at] of [
      ['one', 'info'],
      ['two', 'warn'],
    ] as const) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'gatehouse.yaml'), level(at))
    }
    symlinkSync('one', join(folder, 'data'))
    symlinkSync(join('data', 'gatehouse.yaml'), file)
    await watch()
    symlinkSync('two', join(folder, 'next'))
    renameSync(join(folder, 'next'), join(folder, 'data'))
    await tick()
    await tick()
    expect(seen()).toEqual(['warn'])
  })

  it('attack: a link swapped to something else is refused and the old snapshot stays', async () => {
    put(level('info'))
    await watch()
    rmSync(file)
    symlinkSync('/dev/zero', file)
    await tick()
    await tick()
    expect(seen()).toEqual(['faulty file'])
  })

  it('reports a file that went away, once', async () => {
    put(level('info'))
    await watch()
    rmSync(file)
    for (let i = 0; i < 4; i++) await tick()
    expect(seen()).toEqual(['faulty file'])
  })

  it('does not hand over the same text again, but does on SIGHUP, at once', async () => {
    put(level('info'))
    await watch()
    await tick()
    put(level('warn'))
    await tick()
    await tick()
    put(level('warn'))
    await tick()
    await tick()
    expect(seen()).toEqual(['warn'])
    await hangup()
    expect(seen()).toEqual(['warn', 'warn'])
  })

  it('sees a change made before watching began, when told what runs', async () => {
    put(level('warn'))
    await watch((await snapshot(level('info'))).digest)
    await tick()
    expect(seen()).toEqual(['warn'])
  })

  it('calls nothing back after it was stopped', async () => {
    put(level('info'))
    await watch()
    put(level('warn'))
    await tick()
    stop()
    await tick()
    await hangup()
    expect(results).toEqual([])
  })
})

it('watches the real file and the real signal', async () => {
  put(level('info'))
  let next: (result: LoadResult) => void
  const result = () => new Promise<LoadResult>(resolve => (next = resolve))
  const first = result()
  stop = watchConfig(file, r => next(r), { intervalMs: 5 })
  process.emit('SIGHUP')
  expect((await first).ok).toBe(true)
  const second = result()
  put(level('warn'))
  expect(await second).toMatchObject({ ok: true, snapshot: { log: { level: 'warn' } } })
  stop()
  expect(process.listenerCount('SIGHUP')).toBe(0)
})

it('says which settings wait for the next start', async () => {
  const running = await snapshot(MINIMAL)
  expect(restartNeeded(running, await snapshot(`${MINIMAL}log: { level: warn }\n`))).toEqual([])
  const other = await snapshot('version: 1\nlisten: 127.0.0.1:9000\ndataDir: x\nidentity: { evaluation: { users: [{ name: bob }] } }\n')
  expect(restartNeeded(running, other)).toEqual(['listen', 'publicUrl', 'dataDir', 'identity.evaluation'])
  const elsewhere = await snapshot(`${MINIMAL}registry: { artifacts: { folder: kept } }\n`)
  expect(restartNeeded(await snapshot(MINIMAL), elsewhere)).toEqual(['registry.artifacts.folder'])
})
