import { globSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { coverageEnvironment } from './test/support/coverage.ts'

// Floors that hold, per folder. What runs in a process of its own (cli.ts, evaluation/main.ts, serve) is tested and not counted here.
const floor = (lines: number, branches: number): { lines: number; branches: number } => ({ lines, branches })

const ALL = 'test/**/*.test.ts'
const filesWith = (text: RegExp): string[] => globSync(ALL).filter(file => text.test(readFileSync(file, 'utf8')))

// Files run one after another in the same few processes, so what they import is compiled once; those that replace modules have a process of their own.
const whole = () => {
  const mocking = filesWith(/\bvi\.mock\(/)
  return [
    { extends: true as const, test: { name: 'together', include: [ALL], exclude: mocking, isolate: false } },
    { extends: true as const, test: { name: 'alone', include: mocking } },
  ]
}
// Files that bound processor time, each in a process of its own, where nothing else has shaped what the engine compiled: `vitest run --mode bounds`, never with coverage.
const bounds = () => [{ extends: true as const, test: { name: 'bounds', include: filesWith(/support\/cpu\.ts/) } }]

export default defineConfig(({ mode }) => ({
  test: {
    projects: mode === 'bounds' ? bounds() : whole(),
    // watches what gateways send, in every test and at the end over all of them
    globalSetup: ['test/support/egress/run.ts'],
    setupFiles: ['test/support/compile-cache.ts', 'test/support/egress/setup.ts', 'test/support/as-found.ts'],
    env: coverageEnvironment(process.argv.includes('--coverage')),
    // for what never ends; a loaded machine may be ten times slower than an idle one
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 50_000, interval: 20 } },
    // three for two cores: a third of the time a test waits, for a disk or a process it started; what bounds processor time has a core for itself
    maxWorkers: mode === 'bounds' ? 2 : 3,
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
