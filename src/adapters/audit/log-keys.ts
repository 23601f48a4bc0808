// Which key signs a log, and the way from one to the next: the event that names both is signed by the old one before the new one signs anything.

import type { KeyObject } from 'node:crypto'
import { openCheckpoint, type LogIdentity } from '../../audit/checkpoint.ts'
import { readVkey } from '../../audit/note.ts'
import { auditVkey, loadAuditKeys, rotateAuditKey } from './audit-key.ts'
import { readFloor, type Floor } from './floor.ts'
import { searchLog, type Searched } from './log-search.ts'
import { changed } from './segment-lines.ts'
import type { SignedRow } from './tree-file.ts'

/** C2SP verifier keys: the one that signed until now, and the one that is to sign. The `detail` of `audit-key`. */
export type NextKey = { readonly before: string; readonly vkey: string }
export type RotateAsk = { readonly what: 'rotate-key' }

const WHAT = 'audit-key'

type Generation = { readonly key: KeyObject; readonly vkey: string }
type Log = { readonly dataDir: string; readonly dir: string; readonly origin: string }

export class LogKeys {
  readonly #log: Log
  #signer: Generation
  #next: Generation | undefined
  #vkeys: readonly string[]
  readonly #hasFloor: boolean

  /**
   * What opens what was signed already: the generations on disk, and nothing that another file names. A crash may have come right after the new one had signed;
   * and no generation is forgotten before the one after it signs (rotateAuditKey).
   */
  readonly identity: LogIdentity

  /** Throws Fault `audit-changed` where the key on disk is not the one that the log was signed with last: somebody put another there. */
  constructor(log: Log, { last }: Floor) {
    this.#log = log
    this.#hasFloor = last !== undefined
    const { current, previous } = this.#read()
    const known = last?.vkeys
    const isKnown = previous === undefined || known?.includes(current.vkey) === true
    this.#signer = isKnown ? current : previous
    this.#next = isKnown ? undefined : current
    if (known && known.at(-1) !== this.#signer.vkey) throw changed(log.dir, '`keys/audit.key` is not the key that it was signed with last')
    this.identity = identityOf(log.origin, [...(previous ? [previous.vkey] : []), current.vkey])
    this.#vkeys = known ?? [this.#signer.vkey]
  }

  get key(): KeyObject {
    return this.#signer.key
  }

  /** Keys that the log signs and signed with, the one in use last. */
  get vkeys(): readonly string[] {
    return this.#vkeys
  }

  /** What is to be said in the log, so that the new key may sign; undefined where there is none, or it is said. */
  unsaid(log: Searched): NextKey | undefined {
    return this.#next && this.#saidAt(log, this.#next) === undefined ? { before: this.#signer.vkey, vkey: this.#next.vkey } : undefined
  }

  /**
   * After a start: whether the new key signs already. Throws Fault `audit-changed` where it signed and no event said so before: then it is no generation of this
   * gateway's.
   */
  hold(log: Searched, signed: SignedRow | undefined): void {
    if (this.#next === undefined) return
    if (signed === undefined && !this.#hasFloor) this.#goOver([])
    else if (this.settle(log, signed?.size ?? 0)) return
    else if (signed && typeof openCheckpoint(signed.note, identityOf(this.#log.origin, [this.#next.vkey])) !== 'string') {
      if (this.#hasFloor) throw changed(this.#log.dir, `its last checkpoint is signed with a key that no signed event \`${WHAT}\` names`)
      this.#goOver(this.#vkeys)
    }
  }

  /** The new key signs from now on, where a checkpoint of `covered` events covers the event that names it; whether it does. */
  settle(log: Searched, covered: number): boolean {
    const seq = this.#next && this.#saidAt(log, this.#next)
    if (seq === undefined || seq >= covered) return false
    this.#goOver(this.#vkeys)
    return true
  }

  /**
   * Makes the next key. On disk after a crash: the old generation, or both; of both the new one waits, however often the gateway starts. Throws Fault
   * `audit-key-waiting` where the one before waits still.
   */
  rotate(): NextKey {
    rotateAuditKey(this.#log.dataDir, readFloor(this.#log.dataDir))
    this.#next = this.#read().current
    return { before: this.#signer.vkey, vkey: this.#next.vkey }
  }

  #goOver(before: readonly string[]): void {
    if (this.#next === undefined) return
    this.#signer = this.#next
    this.#vkeys = [...before, this.#next.vkey]
    this.#next = undefined
  }

  #read(): { readonly current: Generation; readonly previous: Generation | undefined } {
    const { origin, dataDir } = this.#log
    const of = (key: KeyObject): Generation => ({ key, vkey: auditVkey(origin, key) })
    const { current, previous } = loadAuditKeys(dataDir)
    return { current: of(current), previous: previous && of(previous) }
  }

  #saidAt(log: Searched, { vkey }: Generation): number | undefined {
    const { events } = searchLog(log, { type: 'lifecycle', what: WHAT, limit: 1 }, () => false)
    const [found] = events
    if (found === undefined || found.isChanged) return undefined
    const { detail } = JSON.parse(found.event) as { readonly detail?: Partial<NextKey> }
    return detail?.vkey === vkey && detail.before === this.#signer.vkey ? found.seq : undefined
  }
}

const identityOf = (origin: string, vkeys: readonly string[]): LogIdentity => ({
  origin,
  keys: vkeys.map(readVkey).filter(key => typeof key !== 'string'),
})
