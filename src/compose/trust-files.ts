// Serves the repository of trust where this gateway publishes it.

import type { Logger } from '../adapters/telemetry/logs.ts'
import { openServed } from '../adapters/tuf/served-files.ts'
import type { Snapshot } from '../config/schema.ts'
import { serveTrustFile } from '../http/control-plane/trust-files.ts'
import type { ServerDeps } from '../http/server.ts'
import type { VisitorLimits } from '../limits/visitors.ts'

type Parts = {
  readonly penalise: (address: string) => void
  readonly gate: VisitorLimits['gate']
  readonly logger: Pick<Logger, 'fault'>
}

/** A follower asks for two files each half minute, and for some hundred when it is new; several may stand behind one address. */
const READS_PER_MINUTE = { address: 1200, total: 12_000 }

/** For the listener; nothing where nothing is published here. */
export function trustFiles({ registry: { repository } }: Snapshot, { penalise, gate, logger }: Parts): Pick<ServerDeps, 'trustFiles'> {
  if (!repository?.isPublisher || !('folder' in repository.place)) return {}
  const { folder } = repository.place
  const deps = {
    async open(name: string) {
      const found = await openServed(folder, name)
      if (typeof found === 'string') return found
      const { handle, bytes, isFixed } = found
      const close = (): void => void handle.close().catch(() => {})
      // What was measured is what is sent, whatever is done to the file meanwhile.
      return { bytes, isFixed, close, read: () => handle.createReadStream({ autoClose: false, start: 0, end: bytes - 1 }) }
    },
    mayAsk: gate('trust files', READS_PER_MINUTE),
    penalise,
    onFault: (cause: unknown) => logger.fault('a file of the trust repository cannot be served', cause),
  }
  return { trustFiles: (req, res, address) => void serveTrustFile(deps, req, res, address) }
}
