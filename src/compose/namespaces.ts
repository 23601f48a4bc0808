// Who owns namespaces, as this process has it: stores in state.db, proofs by what the configuration in force names, looks by the one timer.

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createDomainKeys } from '../adapters/domain-keys.ts'
import { createProofTokens } from '../adapters/proof-tokens.ts'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import { createNamespaceStore } from '../adapters/sqlite/namespace-store.ts'
import { createChallengeStore, createSpentProofs } from '../adapters/sqlite/proof-stores.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import type { DomainKeys } from '../registry/namespace.ts'
import { NamespaceLooks, type Found } from '../registry/namespace-looks.ts'
import { Namespaces } from '../registry/namespaces.ts'
import { readTrustPolicies, type TrustPolicies } from '../trust/signer-policy.ts'
import type { TrustPlane } from './trust.ts'

export type NamespaceHouseParts = {
  readonly current: () => Snapshot
  readonly state: StateDb
  /** towards issuers of proofs, by the configuration in force */
  readonly fetch: SafeFetch
  /** milliseconds since the epoch */
  readonly now: () => number
  readonly trust: Pick<TrustPlane, 'policies'> | undefined
  /** what domains publish; default: DNS, and https to public addresses */
  readonly domainKeys?: DomainKeys | undefined
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'info' | 'warn' | 'fault'>
}

export function createNamespaces(parts: NamespaceHouseParts): { readonly namespaces: Namespaces; readonly looks: NamespaceLooks } {
  const { current, state, fetch, now, trust, domainKeys = createDomainKeys(), log, encoder, logger } = parts
  const store = createNamespaceStore(state)
  const shared = {
    store,
    domainKeys,
    nowSeconds: () => Math.floor(now() / 1000),
    cooldownSeconds: () => current().registry.cooldownSeconds,
    signers: async () => signersOf(trust ? trust.policies() : await policiesIn(current())),
  }
  const namespaces = new Namespaces({
    ...shared,
    challenges: createChallengeStore(state),
    spent: createSpentProofs(state),
    tokens: createProofTokens({
      rules: () => current().registry.proofs,
      login: () => current().login,
      fetch,
      onChange: status => logger.info('issuer of proofs', { ...status }),
    }),
    origin: () => current().publicUrl,
    newNonce: () => randomBytes(24).toString('base64url'),
  })
  const looks = new NamespaceLooks({
    ...shared,
    namespaces,
    async record(found) {
      if (found.found !== 'same') logger.warn('a namespace is not proved again', tellingOf(found))
      await log.append(encoder.lifecycle('namespace-look', tellingOf(found)))
    },
    onFault: cause => logger.fault('proofs of namespaces cannot be looked at', cause),
  })
  return { namespaces, looks }
}

const tellingOf = ({ namespace, found, untilSeconds }: Found) => ({
  namespace,
  found,
  until: new Date(untilSeconds * 1000).toISOString(),
})

const signersOf = (policies: TrustPolicies | undefined): ReadonlyMap<string, string> =>
  new Map([...(policies?.namespaces ?? [])].map(([namespace, { digest }]) => [namespace, digest]))

/** What cannot be read now changes nobody's signer: nothing can be verified by it either. */
async function policiesIn({ registry: { trust } }: Snapshot): Promise<TrustPolicies | undefined> {
  try {
    return trust && readTrustPolicies(await readFile(trust.policies))
  } catch {
    return undefined
  }
}
