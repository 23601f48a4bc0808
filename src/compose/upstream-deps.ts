// What upstream connections need of this process.

import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { EraPinFile } from '../adapters/upstream/era-pins.ts'
import { systemClock, Ticker } from '../adapters/upstream/ticker.ts'
import type { UpstreamDeps } from '../adapters/upstream/upstream.ts'
import type { Snapshot } from '../config/schema.ts'

const RANDOM_STEPS = 2 ** 32

export function upstreamDeps(
  snapshot: Snapshot,
  logger: Logger,
  parts: Pick<UpstreamDeps, 'info' | 'environment' | 'contacts' | 'dropped'>,
): UpstreamDeps {
  return {
    ...parts,
    ticker: new Ticker(systemClock),
    pins: new EraPinFile(join(snapshot.dataDir, 'trust')),
    log: (level, event, fields) => logger[level](event, fields),
    random: () => randomInt(RANDOM_STEPS) / RANDOM_STEPS,
    wallNow: Date.now,
  }
}
