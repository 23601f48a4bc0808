// Open connections, counted in all and per address: whoever opens too many gets no more, before a byte of his is read.

import type { Socket } from 'node:net'
import { addressBlock } from '../kernel/address-block.ts'
import type { Reason } from '../kernel/errors.ts'

type ConnectionLimits = { readonly connections: number; readonly connectionsPerAddress: number }

export type ConnectionTableDeps = {
  readonly limits: () => ConnectionLimits
  /** a proxy's address stands for many: it counts in all only */
  readonly isTrustedProxy: (address: string) => boolean
  /** one connection was cut at once */
  readonly refused: (reason: Reason, address: string) => void
}

/** All connections of one address, or IPv6 /64; they share the object, so that an idle one costs a field. */
type Slot = { readonly block: string; readonly table: ConnectionTable; open: number }
const SLOT = Symbol('slot')
type Counted = Socket & { [SLOT]?: Slot | undefined }

export class ConnectionTable {
  readonly #deps: ConnectionTableDeps
  readonly #slots = new Map<string, Slot>()
  #open = 0

  constructor(deps: ConnectionTableDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#open
  }

  /** Takes a connection into account, or cuts it. */
  admit(socket: Socket): void {
    const address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '')
    const { connections, connectionsPerAddress } = this.#deps.limits()
    const block = addressBlock(address)
    const known = this.#slots.get(block)
    const isCrowd = known !== undefined && known.open >= connectionsPerAddress && !this.#deps.isTrustedProxy(address)
    if (isCrowd || this.#open >= connections) {
      socket.destroy()
      this.#deps.refused(isCrowd ? 'address-limited' : 'gateway-overloaded', address)
      return
    }
    const slot = known ?? { block, table: this, open: 0 }
    if (!known) this.#slots.set(block, slot)
    slot.open += 1
    this.#open += 1
    ;(socket as Counted)[SLOT] = slot
    socket.once('close', uncount)
  }

  /** For the listener of this module only. */
  left(slot: Slot): void {
    this.#open -= 1
    slot.open -= 1
    if (slot.open === 0) this.#slots.delete(slot.block)
  }
}

/** The connection of one socket goes on in another (http/raw-stream.ts), which must call `uncount` when it closes. */
export function passOn(from: Socket, to: Socket): void {
  const slot = (from as Counted)[SLOT]
  ;(from as Counted)[SLOT] = undefined
  if (slot) (to as Counted)[SLOT] = slot
}

/** A `close` listener. Idempotent. */
export function uncount(this: Socket): void {
  const slot = (this as Counted)[SLOT]
  ;(this as Counted)[SLOT] = undefined
  slot?.table.left(slot)
}
