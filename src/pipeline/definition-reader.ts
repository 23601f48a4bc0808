// Definitions as the inspection room reads them, each once: findings with the tiers of the table, and what they say of other tools. Remembered by digest, bounded.

import type { Entry, ListKind } from '../catalog/entry.ts'
import { LIST_SHAPE } from '../catalog/entry.ts'
import type { LiveList } from '../catalog/lists.ts'
import { RULE_OF, type Finding } from '../inspection/finding.ts'
import { Inventory } from '../inspection/inventory.ts'
import { mentionsIn, type Mentions } from '../inspection/mentions.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Inspect, Inspected } from './inspected.ts'

/** `isPlain`: nothing was found, and it names nothing. */
export type Read = { readonly inspected: Inspected; readonly mentions: Mentions; readonly isPlain: boolean }

/** Definitions that are remembered by their bytes, in all. Nearly all are plain, and those are one object. */
const MAX_READ = 20_000
const PLAIN: Read = { inspected: { findings: [], tier: undefined }, mentions: { named: [], isCut: false }, isPlain: true }
const END = Buffer.from(']}')
/** Findings about other servers' tools in one definition. */
const MAX_CROSSING = 8

export class DefinitionReader {
  readonly inventory = new Inventory()
  readonly #inspect: Inspect
  readonly #entries = new WeakMap<Entry, Read>()
  readonly #lists = new WeakMap<LiveList, Read>()
  readonly #byDigest = new Map<string, Read>()

  constructor(inspect: Inspect) {
    this.#inspect = inspect
  }

  /** As it stands in its list: names are looked at there. Pointers start at the definition. */
  entry(kind: ListKind, entry: Entry): Read {
    const known = this.#entries.get(entry)
    if (known) return known
    const { list } = LIST_SHAPE[kind]
    const head = `{"${list}":[`
    const read = this.#remembered(`${kind} ${digestOf(entry.raw)}`, () =>
      this.#read(Buffer.concat([Buffer.from(head), entry.raw, END]), `/${list}/0`, entry.raw),
    )
    this.#entries.set(entry, read)
    return read
  }

  /** What stands beside the entries of a list. */
  beside(list: LiveList): Read {
    if (!list.meta && list.extra.length === 0) return PLAIN
    const known = this.#lists.get(list)
    if (known) return known
    const members = [...(list.meta ? [`"_meta":${list.meta.toString()}`] : []), ...list.extra.map(member => member.toString())]
    const bytes = Buffer.from(`{${members.join(',')}}`)
    const read = this.#read(bytes, '', bytes)
    this.#lists.set(list, read)
    return read
  }

  /** Instructions, or anything else a server says of itself. */
  text(said: string | object): Read {
    const bytes = Buffer.from(JSON.stringify({ said }))
    return this.#remembered(`said ${digestOf(bytes)}`, () => this.#read(bytes, '/said', bytes))
  }

  /** Findings that depend on who else is there: mentions of another server's tool, with and without an order. */
  crossTool(alias: string, { mentions }: Read): Inspected {
    const foreign = this.inventory.foreign(alias, mentions)
    if (foreign.length === 0 && !mentions.isCut) return PLAIN.inspected
    const findings = [...foreign]
      .sort((a, b) => Number(b.isOrdered) - Number(a.isOrdered))
      .slice(0, MAX_CROSSING)
      .flatMap(({ isOrdered, pointer }) => finding(isOrdered ? 'cross-tool-directive' : 'cross-tool-mention', pointer))
    if (mentions.isCut) findings.unshift(...finding('not-inspected', ''))
    return { findings, tier: findings[0]?.tier }
  }

  #remembered(key: string, read: () => Read): Read {
    const known = this.#byDigest.get(key)
    if (known) return known
    const made = read()
    if (this.#byDigest.size >= MAX_READ) this.#byDigest.clear()
    this.#byDigest.set(key, made)
    return made
  }

  /** `json`: what is inspected; the part of it that is the definition starts behind `prefix`. */
  #read(json: Buffer, prefix: string, own: Buffer): Read {
    const { findings, tier } = this.#inspect(json, 'definition')
    const mentions = mentionsIn(own)
    if (findings.length === 0 && mentions.named.length === 0) return PLAIN
    const inspected = { findings: findings.map(each => ({ ...each, pointer: behind(prefix, each.pointer) })), tier }
    return { inspected, mentions, isPlain: false }
  }
}

const behind = (prefix: string, pointer: string): string => (pointer.startsWith(prefix) ? pointer.slice(prefix.length) : pointer)

function finding(code: string, pointer: string): readonly Finding[] {
  const rule = RULE_OF.get(code)
  const tier = rule?.tiers.definition
  return rule && tier ? [{ code, severity: rule.severity, tier, pointer, sample: '' }] : []
}
