// Marks in memory; can fail before or after a change is kept, and be held up.

import type { Mark, MarkKey, MarkStore } from '../../src/flow/store.ts'

export type FailingMarks = { before?: boolean; after?: boolean; gate?: Promise<undefined> }
const keyOf = ({ principal, client, server }: MarkKey): string => JSON.stringify([principal, client, server])
const endOf = ({ untrustedUntilMs, privateUntilMs }: Mark): number => Math.max(untrustedUntilMs, privateUntilMs)

export function memoryMarks(failing: FailingMarks = {}): MarkStore & { readonly puts: Mark[] } {
  const kept = new Map<string, Mark>()
  const puts: Mark[] = []
  const change = async (run: () => void): Promise<void> => {
    await failing.gate
    if (failing.before) throw new Error('the store failed')
    run()
    if (failing.after) throw new Error('the store failed')
  }
  return {
    puts,
    alive: nowMs => Promise.resolve([...kept.values()].filter(mark => endOf(mark) > nowMs)),
    put: mark =>
      change(() => {
        puts.push(mark)
        const old = kept.get(keyOf(mark))
        kept.set(keyOf(mark), {
          ...mark,
          untrustedUntilMs: Math.max(mark.untrustedUntilMs, old?.untrustedUntilMs ?? 0),
          privateUntilMs: Math.max(mark.privateUntilMs, old?.privateUntilMs ?? 0),
        })
      }),
    remove: keys => change(() => keys.forEach(key => kept.delete(keyOf(key)))),
    forget: nowMs => change(() => [...kept].forEach(([key, mark]) => endOf(mark) <= nowMs && kept.delete(key))),
  }
}
