// List pages of an imagined upstream, and a clock that only moves when told.

import type { ListKind } from '../../src/catalog/entry.ts'
import { fetchList, type FetchPage, type ListLimits, type LiveList, type PageAnswer } from '../../src/catalog/lists.ts'
import type { SurfacePorts } from '../../src/catalog/surface.ts'
import { isStop } from '../../src/kernel/errors.ts'
import { isJsonFault, member, readJson } from '../../src/mcp/json.ts'

export const limits: ListLimits = { listPages: 100, listEntries: 10_000, listBytes: 16 * 1024 * 1024 }
export const pause = (): Promise<void> => Promise.resolve()

/** One page, read as the relay reads a whole message. */
export function page(result: object | string): PageAnswer {
  const text = typeof result === 'string' ? result : JSON.stringify(result)
  const doc = readJson(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${text}}`))
  if (isJsonFault(doc)) throw new Error(`fixture is not JSON: ${doc.fault}`)
  return { kind: 'result', result: { doc, node: member(doc.root, 'result')! } }
}

/** Pages by number; the cursor of page n is `p<n>`. */
export const paged =
  (...pages: (object | string | PageAnswer)[]): FetchPage =>
  (_kind, cursor) => {
    const at = cursor === undefined ? 0 : Number(cursor.slice(1))
    const found = pages[at]
    if (found === undefined) return Promise.resolve({ kind: 'error', code: -32602 })
    if (typeof found === 'object' && 'kind' in found) return Promise.resolve(found)
    return Promise.resolve(page(typeof found === 'string' || at === pages.length - 1 ? found : { ...found, nextCursor: `p${at + 1}` }))
  }

export const tool = (name: string, more: object = {}): { name: string; inputSchema: object } => ({
  name,
  inputSchema: { type: 'object' },
  ...more,
})

export async function listOf(kind: ListKind, fetchPage: FetchPage, more: Partial<ListLimits> & { alias?: string } = {}): Promise<LiveList> {
  const { alias = 'files', ...other } = more
  const list = await fetchList({ alias, kind, limits: { ...limits, ...other }, fetchPage, pause })
  if (isStop(list)) throw new Error(`expected a list, got ${list.stop}`)
  return list
}
export const toolsOf = (alias: string, ...names: string[]): Promise<LiveList> =>
  listOf('tools', paged({ tools: names.map(n => tool(n)) }), { alias })

export const stopOf = (found: unknown): string | undefined =>
  typeof found === 'object' && found !== null && isStop(found) ? found.stop : undefined

/** Time that passes by `pass` only; promises run in between. */
export class FakeTime implements SurfacePorts {
  #now = 1_000_000
  #waiting: { at: number; wake: () => void }[] = []
  readonly now = (): number => this.#now
  readonly pause = pause
  readonly delay = (ms: number): Promise<void> => new Promise(wake => this.#waiting.push({ at: this.#now + ms, wake }))
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (;;) {
      const next = this.#waiting.toSorted((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#now = Math.max(this.#now, next.at)
      next.wake()
      await settle()
    }
    this.#now = end
    await settle()
  }
}

/** Lets every promise that can go on do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}
