// Contents that rules asked to record, held against the log: what an event commits to is kept, or an event after it says that its principal's values were erased.

import { keyOf } from '../../kernel/principal.ts'
import type { Findings } from '../../audit/verify.ts'

/** Events that are named for each principal; further ones are counted. */
const MAX_NAMED = 100
const COMMIT = Buffer.from('"commit":{')
const ERASED = Buffer.from('"audit-erased"')

type Missing = { readonly seqs: number[]; count: number; last: number }
type Loose = {
  readonly id?: unknown
  readonly type?: unknown
  readonly what?: unknown
  readonly commit?: unknown
  readonly principal?: { readonly issuer?: unknown; readonly subject?: unknown }
  readonly detail?: { readonly of?: unknown }
}

/** Lines in order. Memory grows with principals of whom something is missing, and with nothing else. */
export class MissingValues {
  readonly #has: (event: string) => boolean
  /** by principal, since its last erasure */
  readonly #missing = new Map<unknown, Missing>()

  /** `has`: whether the value of that event is kept. */
  constructor(has: (event: string) => boolean) {
    this.#has = has
  }

  get isEmpty(): boolean {
    return this.#missing.size === 0
  }

  line(line: Buffer, seq: number): void {
    if (line.includes(COMMIT)) this.#commit(line, seq)
    this.erasure(line)
  }

  /** The same of a line whose own value is not looked for. */
  erasure(line: Buffer): void {
    if (this.isEmpty || !line.includes(ERASED)) return
    const { type, what, detail } = parsed(line)
    if (type === 'lifecycle' && what === 'audit-erased') this.#missing.delete(detail?.of)
  }

  #commit(line: Buffer, seq: number): void {
    const { id, commit, principal } = parsed(line)
    if (typeof commit !== 'object' || typeof id !== 'string' || this.#has(id)) return
    const { issuer, subject } = principal ?? {}
    const whose = typeof issuer === 'string' && typeof subject === 'string' ? keyOf(issuer, subject) : ''
    const missing = this.#missing.get(whose) ?? { seqs: [], count: 0, last: seq }
    if (missing.seqs.length < MAX_NAMED) missing.seqs.push(seq)
    missing.count += 1
    missing.last = seq
    this.#missing.set(whose, missing)
  }

  /** After the last line. */
  judge(findings: Findings): void {
    for (const { seqs, count, last } of this.#missing.values()) {
      for (const seq of seqs) findings.add({ is: 'event', seq, why: MISSING })
      const [first] = seqs
      if (first !== undefined && count > seqs.length)
        findings.add({ is: 'events', from: first, to: last + 1, why: `${count} of one principal: ${MISSING}` })
    }
  }
}

const MISSING = 'what was recorded with it is missing, and no event says that it was erased'

function parsed(line: Buffer): Loose {
  try {
    const event = JSON.parse(line.toString('utf8')) as unknown
    return typeof event === 'object' && event !== null ? event : {}
  } catch {
    // no event: it was changed, and its hash says so
    return {}
  }
}
