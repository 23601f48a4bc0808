// What stands behind an alias whose server may not be used: nothing is started, nothing is sent, and every request hears why.

import type { Upstream } from '../../bridge/upstream.ts'
import type { Stop } from '../../kernel/errors.ts'

/** `why`: asked at each use. Nobody is called back: who subscribed hears of the upstream in its place when there is one (close). */
export function stoppedUpstream(alias: string, why: () => Stop): Upstream {
  const ended = new Set<(reason: string) => void>()
  const stopped = (): { readonly stop: Stop['stop']; readonly detail: string } => {
    const { stop, detail = '' } = why()
    return { stop, detail }
  }
  return {
    alias,
    face: () => Promise.resolve(stopped()),
    call: () => ({ done: Promise.resolve({ kind: 'stop', ...stopped() }), cancel() {} }),
    subscribe(_caller, _filter, changes) {
      const end = (reason: string): void => changes.ended(reason)
      ended.add(end)
      return { update() {}, close: () => void ended.delete(end) }
    },
    status: () => ({ state: 'failing', detail: stopped().detail, inFlight: 0, queued: 0, connections: 0 }),
    release() {},
    close() {
      const all = [...ended]
      ended.clear()
      for (const end of all) end('another server is in its place')
      return Promise.resolve()
    },
  }
}
