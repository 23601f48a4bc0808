// Reads of the registry that are being answered: how many there are at once, in all and for an address, how long each may take, and how many bytes wait for
// slow readers (N050).

import type { ServerResponse } from 'node:http'
import { addressBlock } from '../../kernel/address-block.ts'
import type { Stop } from '../../kernel/errors.ts'

const MAX_READS = { address: 32, total: 128 }
const MAX_BYTES = 64 * 1024 * 1024
/** A reader that takes nothing for so long is left. */
const PATIENCE_MS = 30_000

export class ReadsInFlight {
  readonly #most: typeof MAX_READS
  readonly #perAddress = new Map<string, number>()
  #count = 0
  #bytes = 0
  constructor(most = MAX_READS) {
    this.#most = most
  }

  /** Its place is kept until the response is over, or its connection is. */
  enter(address: string, res: ServerResponse): Stop | undefined {
    const block = addressBlock(address)
    const own = this.#perAddress.get(block) ?? 0
    if (res.closed || res.destroyed || this.#count >= this.#most.total || own >= this.#most.address) return CROWDED
    this.#count++
    this.#perAddress.set(block, own + 1)
    res.setTimeout(PATIENCE_MS, () => res.destroy())
    res.once('close', () => {
      this.#count--
      const left = (this.#perAddress.get(block) ?? 1) - 1
      if (left > 0) this.#perAddress.set(block, left)
      else this.#perAddress.delete(block)
    })
    return undefined
  }

  /** An answer about to be sent: its bytes stay until they are taken. One alone is always sent. */
  hold(bytes: number, res: ServerResponse): Stop | undefined {
    if (this.#bytes > 0 && this.#bytes + bytes > MAX_BYTES) return CROWDED
    this.#bytes += bytes
    res.once('close', () => (this.#bytes -= bytes))
    return undefined
  }
}

const CROWDED: Stop = {
  stop: 'gateway-overloaded',
  detail: 'too many reads of the registry at once',
  fix: 'retry, one read after the other',
  retryAfterSeconds: 1,
}
