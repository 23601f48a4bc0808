// The emergency stop: which principals, clients, servers and tools may not be used, whatever the rules say. Looked up at each request, never searched.

import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'

export const BLOCK_KINDS = ['principal', 'client', 'server', 'tool'] as const
export type BlockKind = (typeof BLOCK_KINDS)[number]

/** What is blocked: a principal key, an OAuth client id, a server's alias, or `<alias> <tool>` in the server's own name. */
export type BlockTarget = { readonly kind: BlockKind; readonly target: string }

export type Block = BlockTarget & {
  /** for people: kept, listed and recorded */
  readonly why: string
  /** principal key of the operator */
  readonly by: string
  /** since when, seconds since the epoch */
  readonly atSeconds: number
}

/**
 * Where blocks outlive the process. Durability: `put` and `remove` resolve once the change survives a crash. Atomicity: one block is there whole or not
 * at all. Concurrency: callers do not overlap (BlockBook sees to it). Errors: a rejection means that the change may or may not have happened.
 */
export interface BlockStore {
  all(): Promise<readonly Block[]>
  /** replaces one with the same kind and target */
  put(block: Block): Promise<void>
  /** false when there was none */
  remove(target: BlockTarget): Promise<boolean>
}

/** Most blocks kept: each is an operator's act, so this is a bound, not a limit anybody meets. */
const MAX_BLOCKS = 100_000

export const toolTarget = (alias: string, tool: string): string => `${alias} ${tool}`

/** One frozen set of blocks: swapped whole when it changes. Every question costs one or two look-ups, none at all where nothing is blocked. */
export class Blocks {
  static readonly NONE = new Blocks([])
  readonly all: readonly Block[]
  readonly #names: Readonly<Record<'principal' | 'client' | 'server', ReadonlySet<string>>>
  readonly #tools = new Map<string, Set<string>>()

  constructor(blocks: readonly Block[]) {
    this.all = Object.freeze([...blocks])
    const of = (kind: BlockKind): ReadonlySet<string> => new Set(blocks.flatMap(b => (b.kind === kind ? [b.target] : [])))
    this.#names = { principal: of('principal'), client: of('client'), server: of('server') }
    for (const target of of('tool')) {
      const [alias = ''] = target.split(' ', 1)
      const tools = this.#tools.get(alias) ?? new Set()
      this.#tools.set(alias, tools.add(target.slice(alias.length + 1)))
    }
  }

  /** Whether this caller is stopped. Client ids are attacker-chosen in part: compared as literals. */
  stopOf({ key, client }: Principal): Stop | undefined {
    if (this.#names.principal.size > 0 && this.#names.principal.has(key)) return BLOCKED.principal
    return client !== undefined && this.#names.client.size > 0 && this.#names.client.has(client) ? BLOCKED.client : undefined
  }
  hasPrincipal(key: string): boolean {
    return this.#names.principal.has(key)
  }
  hasServer(alias: string): boolean {
    return this.#names.server.has(alias)
  }
  /** blocked tools of a server, in its own names */
  toolsOf(alias: string): ReadonlySet<string> | undefined {
    return this.#tools.get(alias)
  }
}

const stopped = (stop: Stop['stop']): Stop => ({ stop, detail: 'an operator stopped it', fix: 'ask an operator of this gateway' })
/** What callers are told; why and by whom is for operators. */
export const BLOCKED: Readonly<Record<BlockKind, Stop>> = {
  principal: stopped('principal-blocked'),
  client: stopped('client-blocked'),
  server: stopped('server-blocked'),
  tool: stopped('tool-blocked'),
}

/** The blocks in force and their store, changed one at a time. `onBlock` runs at once with each block, before anything else is judged. */
export class BlockBook<T> {
  #now = Blocks.NONE
  #last: Promise<unknown> = Promise.resolve()
  readonly #store: BlockStore
  readonly #onBlock: (block: BlockTarget) => T

  constructor(store: BlockStore, onBlock: (block: BlockTarget) => T) {
    this.#store = store
    this.#onBlock = onBlock
  }
  get now(): Blocks {
    return this.#now
  }

  /** Reads what the last run left. Rejects with the store's Fault: a gateway that cannot know what is blocked does not start. */
  async load(): Promise<void> {
    this.#now = new Blocks(await this.#store.all())
  }

  /** In force at once, then durable; what `onBlock` answered. Rejects with the store's Fault when it may not survive a restart; it is in force all the same. */
  block(block: Block): Promise<T | 'full'> {
    return this.#alone(async () => {
      const others = this.#now.all.filter(b => !isSame(b, block))
      if (others.length >= MAX_BLOCKS) return 'full'
      this.#now = new Blocks([...others, block])
      const done = this.#onBlock(block)
      await this.#store.put(block)
      return done
    })
  }

  /** Gone from the store first, then from memory: what cannot be forgotten for good stays blocked. False when there was no such block. */
  unblock(target: BlockTarget): Promise<boolean> {
    return this.#alone(async () => {
      const wasThere = await this.#store.remove(target)
      this.#now = new Blocks(this.#now.all.filter(b => !isSame(b, target)))
      return wasThere
    })
  }

  /** A failed change does not hold up the next. */
  #alone<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#last.then(run, run)
    this.#last = next.catch(() => undefined)
    return next
  }
}

const isSame = (a: BlockTarget, b: BlockTarget): boolean => a.kind === b.kind && a.target === b.target
