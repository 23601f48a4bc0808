import { globSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { coverageEnvironment } from './test/support/coverage.ts'
import { LONG } from './test/support/sizes.ts'

// Floors that hold, per folder. What runs in a process of its own (cli.ts, evaluation/main.ts, serve) is tested and not counted here.
const floor = (lines: number, branches: number): { lines: number; branches: number } => ({ lines, branches })

const ALL = 'test/**/*.test.ts'
const filesWith = (text: RegExp): string[] => globSync(ALL).filter(file => text.test(readFileSync(file, 'utf8')))

// Rooms have no clock, socket or process: their files share two processes, one after the other, so what they import is compiled once. Every other file has its own.
const ROOMS =
  '{approvals,arguments,audit,bridge,catalog,collision,config,delivery,flow,gates,inspection,kernel,limits,mcp,policy,schema,vault}'

const isCounting = process.argv.includes('--coverage')

const short = () => {
  const mocking = filesWith(/\bvi\.mock\(/)
  // they come last in `npm test`, by themselves; where coverage is counted they belong to it, but for what they measure
  const elsewhere = isCounting || process.argv.some(argument => argument.includes('.test.ts')) ? [] : measuring()
  const rooms = `test/${ROOMS}/**/*.test.ts`
  return [
    { extends: true as const, test: { name: 'rooms', include: [rooms], exclude: [...mocking, ...elsewhere], isolate: false } },
    {
      extends: true as const,
      test: {
        name: 'gateways',
        include: [ALL],
        exclude: [...globSync(rooms).filter(file => !mocking.includes(file)), ...(isCounting ? [] : LONG), ...elsewhere],
      },
    },
  ]
}
const long = () => [{ extends: true as const, test: { name: 'long', include: [...LONG] } }]
// Files that bound processor time, never with coverage: counting what runs takes longer than what they measure.
const measuring = (): string[] => filesWith(/support\/cpu\.ts/)
const bounds = () => [{ extends: true as const, test: { name: 'bounds', include: measuring() } }]
/** `vitest run --mode NAME` */
const MODES: Readonly<Record<string, () => object[]>> = { long, bounds }

export default defineConfig(({ mode }) => ({
  test: {
    projects: (MODES[mode] ?? short)(),
    // watches what gateways send, in every test and at the end over all of them
    globalSetup: ['test/support/egress/run.ts'],
    setupFiles: ['test/support/compile-cache.ts', 'test/support/egress/setup.ts', 'test/support/as-found.ts'],
    env: coverageEnvironment(isCounting),
    tags: [{ name: 'short', description: 'of a long suite (test/support/sizes.ts): what `npm test` runs' }],
    // for what never ends; a loaded machine may be ten times slower than an idle one
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 50_000, interval: 20 } },
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      thresholds: {
        ...floor(94, 86),
        'src/{mcp,policy,audit,catalog}/**': floor(98, 92),
        'src/{kernel,identity}/**': floor(97, 92),
        'src/{bridge,config,trust}/**': floor(95, 87),
        'src/{pipeline,http,adapters}/**': floor(90, 80),
      },
    },
  },
}))
