// oidc-provider's storage: grants, codes and refresh tokens in the store, by digest and sealed; half-finished authorizations in bounded memory.

import { hash, hkdfSync, randomBytes } from 'node:crypto'
import { errors, type Adapter, type AdapterFactory, type AdapterPayload } from 'oidc-provider'
import type { OauthRecordStore, RegisteredClientStore } from '../../identity/oauth-records.ts'
import { createXaes, NONCE_BYTES } from '../../kernel/xaes.ts'

export type RecordDeps = {
  readonly records: OauthRecordStore
  readonly clients: RegisteredClientStore
  /** seconds since the epoch */
  readonly now: () => number
  /** a family ended: its access tokens must not count any more */
  readonly onFamilyEnd: (families: readonly string[]) => Promise<void>
}

/** Kinds that are kept; the rest is half-finished, belongs to people who may be strangers yet, and lives in memory. */
const KEPT = new Set(['Grant', 'AuthorizationCode', 'RefreshToken'])
/** Half-finished authorizations of one kind; the least recently used go first. */
const MAX_IN_MEMORY = 5_000

export function recordAdapters(deps: RecordDeps): AdapterFactory {
  const memory = new Map<string, MemoryRecords>()
  return name => {
    if (name === 'Client') return clientAdapter(deps)
    if (KEPT.has(name)) return storedAdapter(name, deps)
    const known = memory.get(name) ?? new MemoryRecords(deps.now)
    memory.set(name, known)
    return known
  }
}

/** The family of a grant: what its tokens carry as `sid`. */
export const familyOf = (grantId: string): string => digest('family', grantId).slice(0, 22)

/** The value of a token is the only way to its row: the row is found by this, and opened by a key that the value gives. */
export const digest = (kind: string, value: string): string => hash('sha256', `gatehouse oauth ${kind} ${value}`, 'base64url')

const NOTHING = Buffer.alloc(0)
const keyOf = (kind: string, value: string): Buffer =>
  Buffer.from(hkdfSync('sha256', value, NOTHING, `gatehouse oauth record v1 ${kind}`, 32))

/** A row that was stolen opens only for who holds the token already. */
function sealed(kind: string, value: string, payload: AdapterPayload): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  return Buffer.concat([nonce, createXaes(keyOf(kind, value)).seal(nonce, Buffer.from(JSON.stringify(payload)), Buffer.from(kind))])
}

function opened(kind: string, value: string, bytes: Buffer): AdapterPayload | undefined {
  const open = createXaes(keyOf(kind, value)).open(bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES), Buffer.from(kind))
  return open && (JSON.parse(open.toString()) as AdapterPayload)
}

function storedAdapter(kind: string, { records, now, onFamilyEnd }: RecordDeps): Adapter {
  const endFamily = async (family: string): Promise<void> => {
    await records.endFamily(family)
    await onFamilyEnd([family])
  }
  return {
    ...NO_LOOKUPS,
    async upsert(id, payload, expiresIn) {
      await records.put({
        kind,
        digest: digest(kind, id),
        family: familyOf(kind === 'Grant' ? id : (payload.grantId ?? '')),
        signInId: payload.accountId ?? '',
        client: payload.clientId ?? '',
        sealed: sealed(kind, id, payload),
        endsAtSeconds: now() + (expiresIn ?? 0),
      })
    },
    async find(id) {
      const found = await records.find(kind, digest(kind, id), now())
      const payload = found && opened(kind, id, found.record.sealed)
      return payload && (found.consumedAtSeconds === undefined ? payload : { ...payload, consumed: found.consumedAtSeconds })
    },
    // Of two requests with the same code or refresh token only one gets on, however close together they come (N043, N051).
    async consume(id) {
      if (await records.consume(kind, digest(kind, id), now())) return
      const found = await records.find(kind, digest(kind, id), now())
      if (found) await endFamily(found.record.family)
      throw new errors.InvalidGrant('it was used before')
    },
    async destroy(id) {
      if (kind === 'Grant') await endFamily(familyOf(id))
      else await records.remove(kind, digest(kind, id))
    },
    revokeByGrantId: grantId => endFamily(familyOf(grantId)),
  }
}

function clientAdapter({ clients, now }: RecordDeps): Adapter {
  return {
    ...NO_LOOKUPS,
    upsert: (id, payload) => clients.put({ id, metadata: JSON.stringify(payload) }, now()),
    async find(id) {
      const found = await clients.find(id)
      return found && (JSON.parse(found.metadata) as AdapterPayload)
    },
    consume: () => Promise.resolve(),
    destroy: () => Promise.resolve(), // registration management is off
    revokeByGrantId: () => Promise.resolve(),
  }
}

/** The device flow is off, and only sessions, which are in memory, are looked up by uid. */
const NO_LOOKUPS = { findByUid: () => Promise.resolve(undefined), findByUserCode: () => Promise.resolve(undefined) }

class MemoryRecords implements Adapter {
  readonly #entries = new Map<string, { readonly payload: AdapterPayload; readonly endsAt: number }>()
  readonly #byUid = new Map<string, string>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  upsert(id: string, payload: AdapterPayload, expiresIn = 0): Promise<void> {
    this.#forget(id)
    this.#entries.set(id, { payload, endsAt: this.#now() + expiresIn })
    if (payload.uid !== undefined) this.#byUid.set(payload.uid, id)
    const [eldest] = this.#entries.keys()
    if (eldest !== undefined && this.#entries.size > MAX_IN_MEMORY) this.#forget(eldest)
    return Promise.resolve()
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    const entry = this.#entries.get(id)
    if (!entry) return Promise.resolve(undefined)
    if (entry.endsAt <= this.#now()) {
      this.#forget(id)
      return Promise.resolve(undefined)
    }
    this.#entries.delete(id)
    this.#entries.set(id, entry) // most recently used
    return Promise.resolve(entry.payload)
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const id = this.#byUid.get(uid)
    return id === undefined ? Promise.resolve(undefined) : this.find(id)
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  consume(): Promise<void> {
    return Promise.resolve()
  }

  destroy(id: string): Promise<void> {
    this.#forget(id)
    return Promise.resolve()
  }

  revokeByGrantId(): Promise<void> {
    return Promise.resolve()
  }

  #forget(id: string): void {
    const uid = this.#entries.get(id)?.payload.uid
    if (uid !== undefined && this.#byUid.get(uid) === id) this.#byUid.delete(uid)
    this.#entries.delete(id)
  }
}
