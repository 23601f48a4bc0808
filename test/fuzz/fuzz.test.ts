// Every fuzz target for a short time, and the runner itself: it finds what is broken, slow or stuck.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'
import { loadTargets } from './load.ts'

const targets = await loadTargets()
const runner = fileURLToPath(new URL('./run.ts', import.meta.url))

test('the targets the project promises exist, under different names', () => {
  const names = targets.map(t => t.name)
  expect(names).toEqual(expect.arrayContaining(['json', 'message', 'header-value', 'param-headers', 'sse', 'cursor', 'request-state']))
  expect(new Set(names).size).toBe(names.length)
})

describe.each(targets)('$name', target => {
  test('holds for 300 ms of mutations', () => {
    const result = fuzz(target, { ms: 300, seed: 20260728 })
    expect(result.failure?.why, result.failure?.input.toString('base64')).toBeUndefined()
    expect(result.executions).toBeGreaterThan(target.seeds.length)
  })
})

describe('the fuzzer', () => {
  test('reports the input that broke something', () => {
    const result = fuzz(
      {
        name: 'x',
        seeds: ['aaaa'],
        run: input => {
          if (input.includes(0x22)) throw new Error('quote')
          return false
        },
      },
      { ms: 60_000, seed: 1 },
    )
    expect(result.failure?.why).toContain('quote')
    expect(result.failure?.input.includes(0x22)).toBe(true)
  })
  test('reports a slow input', () => {
    const slow = { name: 'x', seeds: ['a'], run: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1050) !== 'timed-out' }
    expect(fuzz(slow, { ms: 1, seed: 1 }).failure?.why).toMatch(/took \d+ ms/)
  })
  test('makes the same inputs from the same seed', () => {
    const inputs = (seed: number) => {
      const seen: string[] = []
      const target = {
        name: 'x',
        seeds: ['{"a":1}', '[]'],
        run: (input: Buffer) => {
          seen.push(input.toString('hex'))
          if (seen.length === 200) throw new Error('enough')
          return seen.length % 2 === 0
        },
      }
      fuzz(target, { ms: 5000, seed })
      return seen
    }
    expect(inputs(7)).toEqual(inputs(7))
    expect(inputs(7)).not.toEqual(inputs(8))
  })
  test('the command prints executions per target', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [runner, '--seconds', '0.2', '--seed', '1', 'json', 'sse'])
    expect(stdout).toMatch(/ok\s+json\s+\d+ executions/)
    expect(stdout).toMatch(/ok\s+sse\s+\d+ executions/)
    await expect(promisify(execFile)(process.execPath, [runner, 'no-such-target'])).rejects.toMatchObject({ code: 2 })
  })
})
