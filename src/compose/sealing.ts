// The sealing key in use, and its rotation while the gateway runs: values of the generation before still open.

import { randomBytes } from 'node:crypto'
import { loadSealingKeys, rotateSealingKeys } from '../adapters/keys.ts'
import { createSealer, type Sealer } from '../kernel/seal.ts'

export type RotatingSealer = Sealer & {
  /** a new generation, on disk first; what was sealed two generations ago no longer opens */
  readonly rotate: () => Promise<object>
}

/** Throws the Faults of adapters/keys.ts. */
export function rotatingSealer(dataDir: string): RotatingSealer {
  let sealer = createSealer(loadSealingKeys(dataDir), randomBytes)
  return {
    get keyId() {
      return sealer.keyId
    },
    seal: (purpose, bytes, context) => sealer.seal(purpose, bytes, context),
    open: (purpose, text, maxLength, context) => sealer.open(purpose, text, maxLength, context),
    rotate() {
      sealer = createSealer(rotateSealingKeys(dataDir), randomBytes)
      return Promise.resolve({ rotated: 'sealing' })
    },
  }
}
