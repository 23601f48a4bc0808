// Stores of credentials in memory: the same promises as those in state.db, without the disk.

import { randomBytes, randomUUID } from 'node:crypto'
import type { CredentialStores } from '../../src/compose/credentials.ts'
import type { ConnectionConsents, PendingConnections, PendingConnection, StartedConnection } from '../../src/vault/connections.ts'
import type { ClientRegistrations, RegisteredAt } from '../../src/vault/credential-source.ts'
import { Fault } from '../../src/kernel/errors.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import { Vault } from '../../src/vault/vault.ts'
import { MemoryGrantStore } from './memory-grant-store.ts'

export type MemoryStores = Mutable<CredentialStores> & { readonly grants: MemoryGrantStore }
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export function memoryStores(): MemoryStores {
  const grants = new MemoryGrantStore()
  const vault = new Vault({
    store: grants,
    sealer: createSealer({ current: randomBytes(32) }, randomBytes),
    newId: randomUUID,
    now: Date.now,
    monotonic: () => performance.now(),
    unreadable: () => {},
  })
  return { vault, grants, pending: memoryPending(), consents: memoryConsents(), registrations: memoryRegistrations() }
}

function memoryPending(): PendingConnections {
  const links = new Map<string, PendingConnection>()
  const states = new Map<string, { readonly link: string; readonly started: StartedConnection }>()
  const voidStatesOf = (link: string): void => {
    for (const [state, each] of states) if (each.link === link) states.delete(state)
  }
  const remove = (link: string): void => {
    links.delete(link)
    voidStatesOf(link)
  }
  return {
    open: async (digest, pending, most) => {
      links.set(digest, pending)
      const own = [...links].filter(([, each]) => each.principal === pending.principal)
      for (const [old] of own.slice(0, Math.max(0, own.length - most))) remove(old)
    },
    find: async (digest, now) => {
      const found = links.get(digest)
      return found && found.expiresAtSeconds > now ? found : undefined
    },
    start: async (link, state, started) => {
      if (!links.has(link)) throw new Fault('state-conflict', 'no such link')
      voidStatesOf(link)
      states.set(state, { link, started })
    },
    spend: async (state, now) => {
      const found = states.get(state)
      states.delete(state)
      return found && found.started.expiresAtSeconds > now ? found.started : undefined
    },
    close: async (principal, account) => {
      for (const [digest, each] of links) if (each.principal === principal && each.account === account) remove(digest)
    },
  }
}

function memoryConsents(): ConnectionConsents {
  const given = new Map<string, Set<string>>()
  const key = (principal: string, account: string): string => `${principal}\n${account}`
  return {
    list: async (principal, account) => [...(given.get(key(principal, account)) ?? [])],
    give: async (principal, account, client) => {
      const at = key(principal, account)
      given.set(at, (given.get(at) ?? new Set()).add(client))
    },
    forget: async (principal, account) => void given.delete(key(principal, account)),
    forgetClient: async (principal, client) => {
      for (const [at, clients] of given) if (at.startsWith(`${principal}\n`)) clients.delete(client)
    },
  }
}

function memoryRegistrations(): ClientRegistrations {
  const clients = new Map<string, RegisteredAt>()
  return {
    find: async (issuer, redirect) => clients.get(`${issuer} ${redirect}`),
    put: async (issuer, redirect, client) => void clients.set(`${issuer} ${redirect}`, client),
    remove: async (issuer, redirect) => void clients.delete(`${issuer} ${redirect}`),
  }
}
