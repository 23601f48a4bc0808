// By what a served version is judged: documents of the trust repository or of files, what the registry withdrew, floors, and the one verifier of this process.

import type { RootedVerification } from '../adapters/sigstore/rooted-verification.ts'
import { readTrustFiles, type TrustFiles } from '../adapters/trust-files.ts'
import type { Advised, AdvisoryWatch } from '../registry/advisories/book.ts'
import { Fault } from '../kernel/errors.ts'
import { Blocked, type Withdrawal } from '../trust/blocked.ts'
import { deny, isDenial, shown, type Denial } from '../trust/denial.ts'
import type { Floors } from '../trust/floors.ts'
import { inForceOf, isSameContent, type InForce } from '../trust/in-force.ts'
import { judgeVersion, type Pin, type Served, type Trusted } from '../trust/served-version.ts'
import type { VersionSource } from '../trust/version-source.ts'
import type { ServedVersion, TrustPlane } from './trust.ts'

export type ServedTrustParts = {
  /** the repository of trust, where one is followed */
  readonly followed: Pick<TrustPlane, 'forNew' | 'forServed'> | undefined
  readonly files: () => TrustFiles | undefined
  readonly rooted: Pick<RootedVerification, 'of'>
  readonly source: VersionSource
  /** all that blocks at the registry */
  readonly withdrawn: () => Promise<readonly Withdrawal[]>
  readonly floors: Floors
  readonly advisories: Pick<AdvisoryWatch, 'advisoriesAgainst'>
  /** what becomes of a version that an advisory concerns and that is not in force */
  readonly vulnerable: () => 'refuse' | 'warn'
  /** what statements have to be signed for */
  readonly registry: () => string
  /** wall clock, milliseconds */
  readonly now: () => number
}

export class ServedTrust {
  readonly #parts: ServedTrustParts
  #blocked: { readonly followed: readonly Withdrawal[]; readonly own: readonly Withdrawal[]; readonly blocked: Blocked } | undefined

  /** by everything that was signed of a version; as many as there are aliases, and those before */
  readonly #advice = new Map<string, Promise<readonly Advised[]>>()

  constructor(parts: ServedTrustParts) {
    this.#parts = parts
  }

  /** Something changed, or may have: what is kept of advisories is asked anew. */
  forget(): void {
    this.#advice.clear()
  }

  /** `known`: what was in force of this alias. Never rejects: what cannot be asked is a Denial. */
  async judge(pin: Pin, known: InForce | undefined): Promise<Served | Denial> {
    try {
      return await this.#judge(pin, known)
    } catch (cause) {
      return unavailable(cause)
    }
  }

  /** Why a version that is in force may not be used now; for each request. Never throws: what cannot be asked is a Denial. */
  whyNotNow(served: Served): Denial | undefined {
    try {
      return this.#whyNotNow(served)
    } catch (cause) {
      return unavailable(cause)
    }
  }

  #whyNotNow({ name, version, digest, sequence, countsAs, untilMs }: Served): Denial | undefined {
    const { followed, floors, now } = this.#parts
    if (!(now() < untilMs)) return deny('not-after', `what was signed of it counted until ${new Date(untilMs).toISOString()}`)
    if (followed) return denialIn(followed.forServed({ name, version, digest, sequence, countsAs, isInForce: true }))
    return countsAs < floors.of(name) ? deny('below-floor', `expected number ${floors.of(name)} or above, got ${countsAs}`) : undefined
  }

  async #judge(pin: Pin, known: InForce | undefined): Promise<Served | Denial> {
    const { followed, rooted, source, withdrawn, floors, registry, now } = this.#parts
    const documents = await this.#documents(pin, known)
    if (isDenial(documents)) return documents
    const { policies, root } = documents
    // Asked first: what a registry withdrew comes with what it has.
    const found = await source.find(pin.name, pin.version)
    const blocked = this.#blockedBy(documents.withdrawn, await withdrawn())
    const trusted: Trusted = {
      policies: { ...policies, revocations: [...policies.revocations, ...blocked.signers] },
      verification: await rooted.of(root),
      blocked,
      floor: floors.of(pin.name),
      registry: registry(),
      nowMs: now(),
    }
    const served = await judgeVersion(pin, { find: () => Promise.resolve(found), document: source.document.bind(source) }, trusted)
    if (isDenial(served)) return served
    // What was in force goes on while nothing new is known; anything else is new, and needs what is fresh.
    const isInForce = isSameContent(known, served)
    const advised = await this.#advised(served, isInForce)
    if (advised) return advised
    return (followed && denialIn(followed.forServed({ ...versionOf(served), isInForce }))) ?? served
  }

  /** Malware ends what runs; what is vulnerable is not brought into force anew, and what is in force goes on: its operator is told (registry/advisories). */
  async #advised(served: Served, isInForce: boolean): Promise<Denial | undefined> {
    const known = await this.#advisoriesAgainst(served)
    const malware = known.find(({ isMalware }) => isMalware)
    if (malware) return deny('advisory-malware', `${shown(malware.id)} says that it is malware`)
    // What its packages need in turn is warned of alone, as where it is published.
    const first = known.find(({ isIndirect }) => !isIndirect)
    if (!first || isInForce || this.#parts.vulnerable() === 'warn') return undefined
    return deny('advisory-vulnerable', `${shown(first.id)} is about ${shown(first.about)}`)
  }

  /** Lock files are long: asked once of the same content, until something changes. */
  #advisoriesAgainst(served: Served): Promise<readonly Advised[]> {
    const { name, version, serverJson, lock, launch } = served
    const key = inForceOf(served, 0).content
    const known = this.#advice.get(key)
    if (known) return known
    const lockName = 'packageIndex' in launch ? launch.artifact.lock : undefined
    const locks = lock && lockName !== undefined && { locks: [{ kind: `lock:${lockName}`, text: lock.bytes.toString() }] }
    const asked = this.#parts.advisories.advisoriesAgainst({ name, version, serverJson: serverJson.toString(), ...locks })
    this.#advice.set(key, asked)
    asked.catch(() => this.#advice.delete(key)) // whoever asked hears of it
    return asked
  }

  async #documents({ name, version }: Pin, known: InForce | undefined): Promise<Documents | Denial> {
    const { followed, files } = this.#parts
    if (followed) {
      const fresh = followed.forNew(name, version)
      const isKnown = known?.name === name && known.version === version
      return isDenial(fresh) && isKnown ? followed.forServed({ ...versionOf(known), isInForce: true }) : fresh
    }
    const named = files()
    return named ? { ...(await readTrustFiles(named)), withdrawn: [] } : deny('policy-absent', 'this gateway has no policies to verify by')
  }

  /** Made once of the same two lists: connects ask again and again. */
  #blockedBy(followed: readonly Withdrawal[], own: readonly Withdrawal[]): Blocked {
    const known = this.#blocked
    if (known?.followed === followed && known.own === own) return known.blocked
    const blocked = new Blocked([...followed, ...own])
    this.#blocked = { followed, own, blocked }
    return blocked
  }
}

type Documents = Awaited<ReturnType<typeof readTrustFiles>> & { readonly withdrawn: readonly Withdrawal[] }

/** A registry, file or thread that cannot be asked says nothing: nothing is served by it. */
const unavailable = (cause: unknown): Denial =>
  deny('registry-unavailable', cause instanceof Fault ? cause.message : 'what it is judged by cannot be read')

type Numbered = Omit<ServedVersion, 'isInForce' | 'countsAs'> & { readonly countsAs: number }
const denialIn = (answer: object): Denial | undefined => (isDenial(answer) ? answer : undefined)
const versionOf = ({ name, version, digest, sequence, countsAs }: Numbered): Numbered => ({
  name,
  version,
  digest,
  sequence,
  countsAs,
})
