// A logger for tests: faults are printed (a test that meets one should say so), everything else is dropped.

import type { Logger } from '../../src/adapters/telemetry/logs.ts'

export const silentLogger = (): Logger => ({
  debug() {},
  info() {},
  warn() {},
  error() {},
  fault: (message, cause) => console.error(message, cause),
  setLevel() {},
  dropped: 0,
})
