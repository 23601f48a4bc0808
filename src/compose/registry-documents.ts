// What the registry of this gateway adds to the index and the revocations that it publishes: every change since the last time, and what contradicts them.

import type { OnlineDocuments } from '../adapters/tuf/publish.ts'
import { changedIndex, changedRevocations } from '../adapters/tuf/online-documents.ts'
import type { TrustFolder } from '../adapters/tuf/trust-folder.ts'
import type { ChangedStanding, StandingFeed } from '../registry/standing-feed.ts'
import type { Revocation, RevocationLog } from '../registry/store.ts'
import type { Withdrawal } from '../trust/blocked.ts'
import type { IndexChange } from '../trust/index-merge.ts'

export type RegistrySource = { readonly standings: StandingFeed; readonly revocations: Pick<RevocationLog, 'since'> }

/** Rows of one question to the database. */
const PAGE = 5000
/** Names that are remembered, and told. */
const NAMED = 20
const TOLD = 5

/** `taken`: to be called once the documents are published; until then they are gathered again. */
export type Gathered = { readonly documents: OnlineDocuments; readonly taken: () => void }

export class RegistryDocuments {
  readonly #source: RegistrySource
  #hasGathered = false
  #standingMark = 0
  #revocationMark = 0
  /** versions of which something else was signed, and revocations that no document can say */
  readonly #contradicted = new Set<string>()
  readonly #unsaid = new Set<string>()

  constructor(source: RegistrySource) {
    this.#source = source
  }

  /** Undefined where nothing is new. Rejects with Faults of the database, and where what was published cannot be read. */
  async gather(folder: TrustFolder): Promise<Gathered | undefined> {
    const { standings, revocations } = this.#source
    const isAll = !this.#hasGathered
    const changed = await rowsSince(this.#standingMark, (mark, limit) => standings.since(mark, limit), ({ mark }) => mark) // prettier-ignore
    const revoked = await rowsSince(this.#revocationMark, (mark, limit) => revocations.since(mark, limit), ({ sequence }) => sequence) // prettier-ignore
    if (!isAll && changed.length + revoked.length === 0) return undefined
    const { roles } = folder.published()
    const withdrawn = changedRevocations(folder, roles.get('revocations'), revoked.flatMap(withdrawalOf))
    let index: ReturnType<typeof changedIndex> | undefined
    try {
      index = changedIndex(folder, roles.get('index'), changed.flatMap(indexedOf), isAll)
    } catch (error) {
      // An index that cannot be made holds no revocation back; it is told, and tried again, when nothing was revoked.
      if (withdrawn.documents.size === 0) throw error
    }
    return {
      documents: { index: index?.documents ?? new Map(), revocations: withdrawn.documents },
      taken: () => {
        this.#revocationMark = revoked.at(-1)?.sequence ?? this.#revocationMark
        if (index) {
          this.#hasGathered = true
          this.#standingMark = changed.at(-1)?.mark ?? this.#standingMark
          remember(this.#contradicted, index.odd)
        }
        remember(this.#unsaid, withdrawn.left.map(({ kind, target }) => `${kind} ${target}`)) // prettier-ignore
      },
    }
  }

  /** Undefined = what is published is what the registry says. */
  warning(): string | undefined {
    const [contradicted, unsaid] = [this.#contradicted, this.#unsaid].map(names => [...names].slice(0, TOLD).join(', '))
    if (contradicted)
      return `what was published stands, and the registry says otherwise of ${contradicted}: was it restored, or changed by others?`
    return unsaid ? `no gateway would understand what was revoked here: ${unsaid}` : undefined
  }
}

function remember(names: Set<string>, more: readonly string[]): void {
  for (const each of more.slice(0, NAMED)) if (names.size < NAMED) names.add(each.slice(0, 200).replaceAll(/[^ -~]/g, '?'))
}

async function rowsSince<T>(
  from: number,
  read: (mark: number, limit: number) => Promise<readonly T[]>,
  markOf: (row: T) => number,
): Promise<readonly T[]> {
  const rows: T[] = []
  for (let mark = from; ;) {
    const page = await read(mark, PAGE)
    rows.push(...page)
    const last = page.at(-1)
    if (page.length < PAGE || last === undefined) return rows
    mark = markOf(last)
  }
}

/** What was withdrawn before anybody admitted it is in no index: it is used nowhere, and publishers alone decide how many there are. */
const indexedOf = ({ name, version, sequence, digest, standing, became }: ChangedStanding): readonly IndexChange[] =>
  standing === 'quarantined' || became === 'quarantined'
    ? []
    : [{ name, version, sequence, digest, standing, isOfKnown: became === 'revoked' }]

const withdrawalOf = ({ kind, target, action, notBeforeSeconds }: Revocation): readonly Withdrawal[] =>
  action === 'block' ? [{ kind, target, ...(notBeforeSeconds !== undefined && { notBeforeMs: notBeforeSeconds * 1000 }) }] : []
