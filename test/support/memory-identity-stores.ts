// The stores of sign-ins, browser sessions, consents and OAuth records in memory, with the promises of their ports. `fail` makes writes fail before or after they persist.

import type { Consent, ConsentStore } from '../../src/identity/consent.ts'
import type { OauthRecord, OauthRecordStore, RegisteredClientStore } from '../../src/identity/oauth-records.ts'
import {
  isSameSet,
  type BrowserSession,
  type BrowserSessionStore,
  type SignIn,
  type SignInFilter,
  type SignInStore,
} from '../../src/identity/sign-in.ts'
import type { Principal } from '../../src/kernel/principal.ts'

export type MemoryStores = {
  readonly signIns: SignInStore
  readonly browserSessions: BrowserSessionStore
  readonly consents: ConsentStore
  readonly records: OauthRecordStore
  readonly clients: RegisteredClientStore
  /** everything kept, as text: what a thief of the store would have */
  dump(): string
  fail: 'before' | 'after' | undefined
}

export function memoryStores(maxClients = 2_000): MemoryStores {
  const signIns = new Map<string, { signIn: SignIn; refreshToken: string | undefined }>()
  const sessions = new Map<string, BrowserSession>()
  const consents = new Map<string, { principal: Principal; consent: Consent }>()
  const records = new Map<string, { record: OauthRecord; consumedAtSeconds?: number }>()
  const clients = new Map<string, { metadata: string; at: number }>()
  const write = async <T>(change: () => T): Promise<T> => {
    if (stores.fail === 'before') throw new Error('the store failed')
    const done = change()
    if (stores.fail === 'after') throw new Error('the store failed')
    return done
  }
  const endRecords = (isMeant: (record: OauthRecord) => boolean): string[] => {
    const ended = [...records].filter(([, { record }]) => isMeant(record))
    for (const [key] of ended) records.delete(key)
    return [...new Set(ended.map(([, { record }]) => record.family))]
  }
  const matches = (signIn: SignIn, which: SignInFilter): boolean =>
    'id' in which
      ? signIn.id === which.id
      : signIn.issuer === which.issuer &&
        ('subject' in which
          ? signIn.subject === which.subject
          : signIn.idpSession === undefined
            ? which.unnamedOf === signIn.subject
            : signIn.idpSession === which.idpSession)
  const consentKey = (p: Principal, client: string, resource: string): string => JSON.stringify([p.issuer, p.subject, client, resource])

  const ofPerson = ({ issuer, subject }: SignIn) =>
    [...signIns.values()].filter(({ signIn }) => signIn.issuer === issuer && signIn.subject === subject)
  const regroup = (signIn: SignIn): void => {
    for (const { signIn: other, refreshToken } of ofPerson(signIn))
      signIns.set(other.id, { signIn: { ...other, groups: signIn.groups }, refreshToken })
  }

  const stores: MemoryStores = {
    fail: undefined,
    dump: () =>
      JSON.stringify([[...signIns.values()].map(({ signIn }) => signIn), [...sessions], [...consents], [...records], [...clients]]),
    signIns: {
      add: (signIn, refreshToken) =>
        write(() => {
          const isNews = ofPerson(signIn).some(each => !isSameSet(each.signIn.groups, signIn.groups))
          signIns.set(signIn.id, { signIn, refreshToken })
          regroup(signIn)
          return isNews
        }),
      find: async (id, now) => {
        const found = signIns.get(id)
        return found && found.signIn.endsAtSeconds > now ? found : undefined
      },
      renew: (signIn, refreshToken) =>
        write(() => {
          if (signIns.has(signIn.id)) signIns.set(signIn.id, { signIn, refreshToken })
          regroup(signIn)
        }),
      ofFamily: async (family, now) => {
        const found = [...records.values()].find(({ record }) => record.family === family && record.endsAtSeconds > now)
        const signIn = signIns.get(found?.record.signInId ?? '')?.signIn
        return signIn && signIn.endsAtSeconds > now ? signIn.id : undefined
      },
      end: which =>
        write(() => {
          const ids = [...signIns.values()].filter(({ signIn }) => matches(signIn, which)).map(({ signIn }) => signIn.id)
          for (const id of ids) signIns.delete(id)
          for (const [digest, { signInId }] of sessions) if (ids.includes(signInId)) sessions.delete(digest)
          return endRecords(({ signInId }) => ids.includes(signInId))
        }),
    },
    browserSessions: {
      open: (digest, session) => write(() => void sessions.set(digest, session)),
      find: async (digest, now) => {
        const found = sessions.get(digest)
        return found && found.endsAtSeconds > now ? found : undefined
      },
      close: digest => write(() => void sessions.delete(digest)),
    },
    consents: {
      put: (principal, consent) =>
        write(() => void consents.set(consentKey(principal, consent.client, consent.resource), { principal, consent })),
      find: async (principal, client, resource) => consents.get(consentKey(principal, client, resource))?.consent,
      list: async ({ key }) =>
        [...consents.values()]
          .filter(({ principal }) => principal.key === key)
          .map(({ consent }) => consent)
          .sort((a, b) => (`${a.clientName}\0${a.client}\0${a.resource}` < `${b.clientName}\0${b.client}\0${b.resource}` ? -1 : 1)),
      revoke: (principal, client) =>
        write(() => {
          for (const [key, each] of consents)
            if (each.principal.key === principal.key && each.consent.client === client) consents.delete(key)
          const ids = [...signIns.values()]
            .filter(({ signIn }) => signIn.issuer === principal.issuer && signIn.subject === principal.subject)
            .map(({ signIn }) => signIn.id)
          return endRecords(record => record.client === client && ids.includes(record.signInId))
        }),
    },
    records: {
      put: record =>
        write(() => void records.set(`${record.kind} ${record.digest}`, { ...records.get(`${record.kind} ${record.digest}`), record })),
      find: async (kind, digest, now) => {
        const found = records.get(`${kind} ${digest}`)
        return found && found.record.endsAtSeconds > now ? found : undefined
      },
      consume: (kind, digest, now) =>
        write(() => {
          const found = records.get(`${kind} ${digest}`)
          if (!found || found.consumedAtSeconds !== undefined || found.record.endsAtSeconds <= now) return false
          records.set(`${kind} ${digest}`, { ...found, consumedAtSeconds: now })
          return true
        }),
      remove: (kind, digest) => write(() => void records.delete(`${kind} ${digest}`)),
      endFamily: family => write(() => void endRecords(record => record.family === family)),
      sweep: now =>
        write(() => {
          for (const [key, { record }] of records) if (record.endsAtSeconds <= now) records.delete(key)
          for (const [key, { endsAtSeconds }] of sessions) if (endsAtSeconds <= now) sessions.delete(key)
          for (const [key, { signIn }] of signIns) {
            const isUsed = [...sessions.values(), ...[...records.values()].map(({ record }) => record)].some(each => each.signInId === key)
            if (signIn.endsAtSeconds <= now || (!isUsed && signIn.startedAtSeconds <= now - 3600)) signIns.delete(key)
          }
        }),
    },
    clients: {
      put: ({ id, metadata }, at) =>
        write(() => {
          clients.set(id, { metadata, at })
          const used = new Set([...consents.values()].map(({ consent }) => consent.client))
          const unused = [...clients]
            .filter(([other]) => other !== id && !used.has(other))
            .sort(([a, x], [b, y]) => x.at - y.at || (a < b ? -1 : 1))
          for (const [other] of unused.slice(0, Math.max(0, clients.size - maxClients))) clients.delete(other)
        }),
      find: async id => {
        const found = clients.get(id)
        return found && { id, metadata: found.metadata }
      },
    },
  }
  return stores
}
