import { defineConfig } from 'vitest/config'

// Floors that hold, per folder. What runs in a process of its own (cli.ts, evaluation/main.ts, serve) is tested and not counted here.
const floor = (lines: number, branches: number): { lines: number; branches: number } => ({ lines, branches })

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // watches what gateways send, in every test and at the end over all of them
    globalSetup: ['test/support/egress/run.ts'],
    setupFiles: ['test/support/egress/setup.ts'],
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
})
