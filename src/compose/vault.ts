// The vault of a gateway: opened with the first thing that needs it, and what it has to say in the gateway's own log.

import type { Logger } from '../adapters/telemetry/logs.ts'
import { VaultKeeper, type VaultKeeperDeps } from '../adapters/vault-keeper.ts'
import type { Snapshot } from '../config/schema.ts'

type Deps = Omit<VaultKeeperDeps, 'dataDir' | 'unreadable' | 'resealed'> & { readonly logger: Pick<Logger, 'info' | 'warn' | 'fault'> }

/** Names in the log: ids and upstreams, never who or what. */
export const keepVault = ({ dataDir, keys }: Snapshot, { logger, ...deps }: Deps): VaultKeeper =>
  new VaultKeeper(
    {
      ...deps,
      dataDir,
      unreadable: ({ id, upstream }) =>
        logger.warn('a grant does not open: its row was changed, or its key is gone; its owner must connect anew', { grant: id, upstream }),
      resealed: result => {
        if ('cause' in result) logger.fault('sealing grants anew failed; it goes on at the next start or reload', result.cause)
        else if (result.resealed > 0 || result.unreadable > 0) logger.info('grants were sealed anew', { ...result })
      },
    },
    keys.vault,
  )
