// What was admitted of a served version as it reads, kept once it is in force, so that a drift can be shown with both sides.

import { keepAdmittedDefinitions } from '../adapters/admitted-definitions.ts'
import type { ServedRow } from '../adapters/served-report.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'

type KeeperParts = {
  readonly dataDir: string
  /** of exactly this version, where its registry has them */
  readonly definitionsOf: (name: string, version: string) => Promise<Buffer | undefined>
  readonly logger: Pick<Logger, 'fault'>
}

/** `put`: one version after the other, and none is waited for; `settled` resolves when all is written, or said not to be. */
export function definitionsKeeper({ dataDir, definitionsOf, logger }: KeeperParts): {
  readonly put: (row: ServedRow) => void
  readonly settled: () => Promise<void>
} {
  let keeping: Promise<void> = Promise.resolve()
  const keep = async ({ upstream, name, version }: ServedRow): Promise<void> => {
    const found = await definitionsOf(String(name), String(version))
    if (found) await keepAdmittedDefinitions(dataDir, upstream, found.toString('utf8'))
  }
  return {
    put(row) {
      keeping = keeping
        .then(() => keep(row))
        .catch((cause: unknown) => logger.fault('what was admitted could not be kept for differences', cause, { upstream: row.upstream }))
    },
    settled: () => keeping,
  }
}
