// Who may sign for namespaces, as this process finds it written: in the policies file, or in the repository of trust. A change is staged there for keyholders to sign,
// or handed back to be carried to them; neither makes it count.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { sqliteSignerProposals } from '../adapters/sqlite/signer-proposal-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import { current as newestOf, stageDocuments } from '../adapters/tuf/staging.ts'
import { TrustFolder } from '../adapters/tuf/trust-folder.ts'
import { DOCUMENTS, TrustStateFile } from '../adapters/tuf/trust-state.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault, isStop, type Stop } from '../kernel/errors.ts'
import type { SignerPolicies } from '../pipeline/administration.ts'
import { proposedIn, proposedSigner, signersIn, withSigner } from '../trust/signer-proposals.ts'

type Parts = {
  readonly current: () => Snapshot
  readonly state: StateDb
  /** milliseconds since the epoch */
  readonly now: () => number
}

export function createSignerPolicies({ current, state, now }: Parts): SignerPolicies {
  const store = sqliteSignerProposals(state)
  return {
    async read() {
      try {
        return { policies: signersIn(await documentOf(current())), proposed: await store.list() }
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        return { stop: 'verifier-unavailable', detail: error.message, fix: 'mend the policies' } satisfies Stop
      }
    },
    async keep(namespace, policy) {
      const proposed = proposedSigner(namespace, policy)
      if (isStop(proposed)) return proposed
      // As it would be now: what is not understood is not shown to anybody for approval.
      const whole = withSigner(await documentOf(current()), proposed)
      if (isStop(whole)) return whole
      await store.keep(proposed, Math.floor(now() / 1000))
      return proposed
    },
    async stage(target) {
      const named = proposedIn(target)
      const proposed = named && (await store.find(named.digest))
      if (proposed?.namespace !== named?.namespace || !proposed) return undefined
      const { namespace, digest } = proposed
      const folder = publishedFolder(current())
      if (folder === undefined) {
        const whole = withSigner(await documentOf(current()), proposed)
        return isStop(whole) ? undefined : { signerPolicy: { namespace, digest, policies: JSON.parse(whole.toString()) as unknown } }
      }
      const trust = new TrustFolder(folder)
      const unlock = await locked(trust)
      try {
        // Staged beside what is staged already: of two that are approved one after the other both are signed.
        const whole = withSigner(policiesIn(trust), proposed)
        if (isStop(whole)) return undefined
        const staged = stageDocuments(trust, new Map([['policies', whole]]), now())
        return { signerPolicy: { namespace, digest, staged, file: trust.stagedFile('namespaces') } }
      } finally {
        unlock()
      }
    },
  }
}

/** Where this gateway publishes the repository itself: there it may stage. */
const publishedFolder = ({ registry: { repository } }: Snapshot): string | undefined =>
  repository?.isPublisher && 'folder' in repository.place ? repository.place.folder : undefined

/** The policies in force: of the file, as last seen of the repository, or where it is published here, as they would be signed next. */
async function documentOf(snapshot: Snapshot): Promise<Buffer | undefined> {
  const { trust, repository } = snapshot.registry
  if (trust) {
    return readFile(trust.policies).catch((cause: unknown) => {
      throw new Fault('policy-unreadable', 'the policies file cannot be read', { cause })
    })
  }
  if (!repository) return undefined
  const folder = publishedFolder(snapshot)
  if (folder !== undefined) return policiesIn(new TrustFolder(folder))
  const text = new TrustStateFile(join(snapshot.dataDir, 'trust')).read()?.documents[DOCUMENTS.policies.path]
  return text === undefined ? undefined : Buffer.from(text)
}

const policiesIn = (folder: TrustFolder): Buffer | undefined => folder.documentsOf(newestOf(folder).namespaces).get(DOCUMENTS.policies.path)

const TRIES = 20
const TRY_MS = 100
/** Whoever publishes by hand holds it for a moment. */
async function locked(folder: TrustFolder): Promise<() => void> {
  for (let tries = 1; ; tries++) {
    try {
      return folder.lock()
    } catch (error) {
      if (tries === TRIES || !(error instanceof Fault) || error.code !== 'trust-locked') throw error
      await wait(TRY_MS)
    }
  }
}
