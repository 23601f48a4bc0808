// The store of artifacts, opened when the first package is to be started: most gateways serve none.

import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import type { ContentStore } from '../trust/content.ts'
import { deny, type Denial } from '../trust/denial.ts'

type Closable = ContentStore & { close(): Promise<void> }

/** A store that cannot be opened starts nothing. */
export function lazyContent(current: () => Snapshot, onChanged: (artifact: string) => void): Closable {
  let opening: Promise<Closable> | undefined
  const open = (): Promise<Closable> => (opening ??= import('./content.ts').then(({ openContent }) => openContent(current, onChanged)))
  const unless = async <T>(ask: (store: Closable) => Promise<T | Denial>): Promise<T | Denial> => {
    try {
      return await ask(await open())
    } catch (cause) {
      opening = undefined
      return deny('registry-unavailable', cause instanceof Fault ? cause.message : 'the store of artifacts cannot be opened')
    }
  }
  return {
    keep: wanted => unless(store => store.keep(wanted)),
    check: launchable => unless(store => store.check(launchable)),
    async close() {
      const store = await opening?.catch(() => undefined) // one that cannot be opened has nothing to end
      await store?.close()
    },
  }
}
