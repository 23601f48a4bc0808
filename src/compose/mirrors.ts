// Other registries as this process reads them: asked by the one timer, what became of it recorded and said.

import { setImmediate as immediate } from 'node:timers/promises'
import { createMirrorSource } from '../adapters/mirror-source.ts'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import { Mirrors, type MirrorsParts } from '../registry/mirrors/mirrors.ts'

export type MirrorHouseParts = Pick<MirrorsParts, 'store' | 'checkSchema' | 'namespaces' | 'onChanged' | 'now'> & {
  readonly current: () => Snapshot
  readonly fetch: SafeFetch
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'warn'>
}

export const openMirrors = ({ current, fetch, log, encoder, logger, ...parts }: MirrorHouseParts): Mirrors =>
  new Mirrors({
    ...parts,
    settings: () => current().registry.mirrors,
    fetchPage: createMirrorSource(fetch),
    pause: immediate,
    async onEnd(mirror, { tally, failure }) {
      const told = { mirror, ...tally, ...(failure !== undefined && { failure }) }
      if (failure !== undefined) logger.warn('a mirror could not be read', { mirror, detail: failure })
      // Nothing new is nothing to record.
      if (failure !== undefined || tally.added + tally.changed + tally.refused > 0) await log.append(encoder.lifecycle('mirror-read', told))
    },
  })
