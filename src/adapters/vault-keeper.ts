// The vault as a process has it: opened with the first thing that needs it, on state.db and its key; sealed anew when there is a newer key.

import { randomBytes, randomUUID } from 'node:crypto'
import type { KeySource } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { createSealer, type SealingKeys } from '../kernel/seal.ts'
import type { Grant } from '../vault/grant.ts'
import { Vault } from '../vault/vault.ts'
import { loadVaultKeys, rotateVaultKeys } from './keys.ts'
import { createGrantStore } from './sqlite/grant-store.ts'
import type { StateDb } from './sqlite/state-db.ts'

export type VaultKeeperDeps = {
  readonly dataDir: string
  readonly state: StateDb
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly monotonic: () => number
  /** a grant that no key opens; its principal must connect anew */
  readonly unreadable: (grant: Grant) => void
  /** what sealing anew in the background came to */
  readonly resealed: (result: Resealed | { readonly cause: unknown }) => void
}

export type Resealed = { readonly resealed: number; readonly unreadable: number }
type Open = { readonly vault: Vault; readonly keys: SealingKeys }

export class VaultKeeper {
  readonly #deps: VaultKeeperDeps
  #source: KeySource | undefined
  #open: Promise<Open> | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(deps: VaultKeeperDeps, source: KeySource | undefined) {
    this.#deps = deps
    this.#source = source
  }

  /** The one vault of this process. What another generation of the key sealed is sealed anew in the background. Faults: of `loadVaultKeys`. */
  async get(): Promise<Vault> {
    const opening = (this.#open ??= this.#begin())
    opening.catch(() => {
      if (this.#open === opening) this.#open = undefined
    })
    return (await opening).vault
  }

  async #begin(): Promise<Open> {
    const { dataDir, environment, state, now, monotonic, unreadable } = this.#deps
    const store = createGrantStore(state)
    const keys = await loadVaultKeys({ dataDir, source: this.#source, environment })
    const vault = new Vault({ store, sealer: createSealer(keys, randomBytes), newId: randomUUID, now, monotonic, unreadable })
    this.#resealLater(vault)
    return { vault, keys }
  }

  /**
   * Takes the key from `source` anew. A newer generation seals from now on, and the rest is sealed anew in the background. Answers why the key was
   * refused, if it was: one that does not open what the running one sealed would lose every grant.
   */
  reload(source: KeySource | undefined): Promise<string | undefined> {
    return this.#alone(async () => {
      const before = this.#source
      this.#source = source
      if (!this.#open) return undefined
      const problem = await this.#take(await this.#open).catch((error: unknown) =>
        error instanceof Fault ? error.message : 'the vault key cannot be read',
      )
      if (problem !== undefined) this.#source = before
      return problem
    })
  }

  async #take({ vault, keys: running }: Open): Promise<string | undefined> {
    const keys = await loadVaultKeys({ dataDir: this.#deps.dataDir, source: this.#source, environment: this.#deps.environment })
    if (keys.current.equals(running.current)) return undefined
    if (keys.previous?.equals(running.current) !== true) return 'the vault key changed, and the one before is not its second line'
    // what the generation before the running one sealed is about to be forgotten
    await vault.reseal()
    this.#use(vault, keys)
    this.#resealLater(vault)
    return undefined
  }

  /**
   * A new generation in `keys/vault.key`; resolves when everything is sealed with it. A crash at any moment leaves each grant readable with the one or
   * the other, and the next start goes on. Throws Fault `key-rotation-elsewhere` when somebody else keeps the key.
   */
  rotate(): Promise<Resealed> {
    return this.#alone(async () => {
      if (this.#source)
        throw new Fault(
          'key-rotation-elsewhere',
          'the vault key is kept elsewhere: put a new line in front of the old one there, and reload',
        )
      const vault = await this.get()
      // INVARIANT: before a generation is forgotten, nothing is sealed with it. What this process seals meanwhile has the current one.
      await vault.reseal()
      this.#use(vault, rotateVaultKeys(this.#deps.dataDir))
      return vault.reseal()
    })
  }

  #use(vault: Vault, keys: SealingKeys): void {
    vault.rekey(createSealer(keys, randomBytes))
    this.#open = Promise.resolve({ vault, keys })
  }

  #resealLater(vault: Vault): void {
    vault.reseal().then(
      result => this.#deps.resealed(result),
      (cause: unknown) => this.#deps.resealed({ cause }),
    )
  }

  /** One change of the key at a time. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }
}
