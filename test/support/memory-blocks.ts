// Blocks and revocations in memory, for tests that restart nothing; each can fail before or after it keeps a change.

import type { Block, BlockStore } from '../../src/identity/blocks.ts'
import type { LogoutTokenStore } from '../../src/identity/logout-token.ts'
import type { Revocation, RevocationStore } from '../../src/identity/revocations.ts'

export type Failing = { before?: boolean; after?: boolean }
const failed = (): Error => new Error('the store failed')

export function memoryBlocks(failing: Failing = {}): BlockStore {
  const kept = new Map<string, Block>()
  const change = async <T>(run: () => T): Promise<T> => {
    await Promise.resolve()
    if (failing.before) throw failed()
    const done = run()
    if (failing.after) throw failed()
    return done
  }
  return {
    all: () => Promise.resolve([...kept.values()]),
    put: block => change(() => void kept.set(`${block.kind} ${block.target}`, block)),
    remove: ({ kind, target }) => change(() => kept.delete(`${kind} ${target}`)),
  }
}

export function memoryRevocations(failing: Failing = {}): RevocationStore {
  const kept = new Map<string, Revocation>()
  return {
    alive: nowSeconds => Promise.resolve([...kept.values()].filter(r => r.untilSeconds > nowSeconds)),
    async put(revocation) {
      await Promise.resolve()
      if (failing.before) throw failed()
      if ((kept.get(revocation.key)?.atSeconds ?? -1) < revocation.atSeconds) kept.set(revocation.key, revocation)
      if (failing.after) throw failed()
    },
  }
}

export function memoryLogoutTokens(): LogoutTokenStore {
  const used = new Map<string, number>()
  return {
    use(issuer, jti, expiresSeconds, nowSeconds) {
      for (const [key, end] of used) if (end < nowSeconds) used.delete(key)
      const key = `${issuer} ${jti}`
      const isFirst = !used.has(key)
      if (isFirst) used.set(key, expiresSeconds)
      return Promise.resolve(isFirst)
    },
  }
}
