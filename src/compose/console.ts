// The console as this process has it: sessions of the people plane, acts of administration, and streams that end with either.

import type { ServerResponse } from 'node:http'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { Snapshot } from '../config/schema.ts'
import type { AdminApi } from '../http/control-plane/admin.ts'
import type { ConsoleDeps } from '../http/control-plane/console/mount.ts'
import { heldOf, openEventStream, type StreamTable } from '../http/sse-channel.ts'
import type { PeoplePlane } from './people-plane.ts'

type Parts = {
  readonly people: Pick<PeoplePlane, 'deps' | 'addressOf'> | undefined
  readonly run: AdminApi['run']
  readonly streams: StreamTable
  readonly current: () => Pick<Snapshot, 'publicUrl'>
  readonly logger: Pick<Logger, 'fault'>
}

/** The same place beside `src` and inside `dist` (console/build.js). */
const BUILT = new URL('../../dist/console/', import.meta.url).pathname

/** Undefined where nobody signs in with a browser. */
export function consoleDeps({ people, run, streams, current, logger }: Parts): ConsoleDeps | undefined {
  if (!people) return undefined
  return {
    // Changing it takes a restart.
    publicUrl: current().publicUrl,
    folder: BUILT,
    sessions: async () => (await people.deps.load()).console,
    run,
    openStream({ req, res }, principal, isStillGood) {
      const held = { ...heldOf(principal, []), isStillGood }
      return openEventStream(req, plain(res), { table: streams, held, mcpSession: undefined })
    },
    addressOf: people.addressOf,
    onFault: cause => logger.fault('a request of the console ended in a fault', cause),
  }
}

/** A stream has the headers of a stream; those that Express put on every answer are no use to it. */
function plain(res: ServerResponse): ServerResponse {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  return res
}
