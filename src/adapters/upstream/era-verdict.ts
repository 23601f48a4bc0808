// The era of one upstream: configured, pinned, or found out; and the refusal to be talked down (R34).

import type { UpstreamSettings } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'
import type { Era } from '../../mcp/revisions.ts'
import type { Failure } from './calls.ts'
import type { EraPins } from './era-pins.ts'
import type { UpstreamLog } from './transport.ts'

/** A legacy verdict is looked at again after this; a modern one never. */
const STALE_MS = 24 * 3600 * 1000

type Context = { readonly settings: UpstreamSettings; readonly pins: EraPins; readonly log: UpstreamLog; readonly wallNow: () => number }

export class EraVerdict {
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  /** What is already known: undefined means probe. A stale legacy pin is no knowledge. */
  get known(): Era | undefined {
    const { settings, pins, wallNow } = this.#context
    if (settings.era !== 'auto') return settings.era
    const pin = pins.get(settings.alias)
    return pin?.era === 'legacy' && wallNow() - Date.parse(pin.at) > STALE_MS ? undefined : pin?.era
  }

  /** Milliseconds for which a legacy verdict given or renewed now holds. */
  get legacyForMs(): number {
    const { settings, pins, wallNow } = this.#context
    if (settings.era === 'legacy') return Infinity
    const pin = pins.get(settings.alias)
    return pin ? Math.max(0, Date.parse(pin.at) + STALE_MS - wallNow()) : STALE_MS
  }

  /** The refusal to speak legacy to it, or undefined when that is allowed. */
  get legacyRefusal(): Failure | undefined {
    const { settings, pins } = this.#context
    if (settings.era === 'modern')
      return { stop: 'upstream-invalid', detail: 'it is configured as modern (2026-07-28) and does not answer so', contact: 'reached' }
    const pin = settings.era === 'auto' ? pins.get(settings.alias) : undefined
    if (pin?.era !== 'modern') return undefined
    const detail = `it spoke 2026-07-28 on ${pin.at.slice(0, 10)} and does not now: a downgrade is refused; if it is meant, remove its pin from trust/era-pins.json`
    return { stop: 'upstream-invalid', detail, contact: 'reached' }
  }

  /** Records what it spoke. A verdict that cannot be kept is refused: after a restart it could be talked down. */
  record(era: Era): Failure | undefined {
    const { settings, pins, log, wallNow } = this.#context
    if (settings.era !== 'auto') return undefined
    const before = pins.get(settings.alias)
    if (before?.era === 'modern') return undefined
    const at = new Date(wallNow()).toISOString()
    if (before?.era === era && Date.parse(at) - Date.parse(before.at) < STALE_MS / 2) return undefined
    try {
      pins.set(settings.alias, { era, at })
    } catch (error) {
      log('error', 'era-pin-unwritable', { alias: settings.alias, code: error instanceof Fault ? error.code : 'unknown' })
      if (era === 'modern') return { stop: 'upstream-unavailable', detail: 'its era pin cannot be kept: see the log', contact: 'none' }
    }
    log('info', 'era-pinned', { alias: settings.alias, era })
    return undefined
  }
}
