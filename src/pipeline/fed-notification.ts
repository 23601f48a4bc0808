// What a server says on a standing stream, outside of any call: inspected like everything that comes back, and dropped where a finding stops it.

import { isStop } from '../kernel/errors.ts'
import { demandsOn } from './content-demands.ts'
import type { GatewayDeps } from './deps.ts'
import { inspectContent } from './inspect-content.ts'

/** Larger ones are dropped: they say that something changed, and whoever wants to know what asks. */
const MAX_FED = 128 * 1024

/** A whole notification as it may be sent; undefined: it may not. */
export function fedNotification(
  deps: Pick<GatewayDeps, 'upstreams' | 'inspectInTurns'>,
  alias: string,
  message: Buffer,
): Buffer | undefined {
  const entry = deps.upstreams().get(alias)
  if (!entry || message.length > MAX_FED) return undefined
  try {
    const content = { bytes: message, from: entry, in: 'notification', demands: demandsOn(entry.inspection.content, undefined) } as const
    const found = inspectContent({}, content, deps)
    if (!(found instanceof Promise)) return isStop(found) ? undefined : found.bytes
    // So small, nothing takes turns; if it ever does, nobody waits for it, and it must not end the process.
    found.catch(() => undefined)
    return undefined
  } catch {
    // A detector that throws lets nothing pass.
    return undefined
  }
}
