// What left a gateway and in which direction, against every secret that must not go there.

import { createHash } from 'node:crypto'
import { SecretIndex } from './secret-index.ts'

/** `to-upstream`: no host's token may stand in it; `to-host`: no credential for an upstream may. */
export type Direction = 'to-upstream' | 'to-host'

export type Leak = {
  readonly direction: Direction
  /** `host:port`, or `process` and the program's name */
  readonly peer: string
  /** the first 16 digits of its SHA-256 */
  readonly secret: string
  /** where it was learnt */
  readonly learnt: string
  readonly form: string
}

/** What may pass, said by the test that lets it. At least one of `peer` and `secret`. */
export type Excuse = { readonly direction: Direction; readonly why: string; readonly peer?: string; readonly secret?: string }

export type EgressReport = {
  readonly file: string
  readonly gateways: number
  readonly hostTokens: number
  readonly upstreamCredentials: number
  readonly bytes: Readonly<Record<Direction, number>>
  readonly leaks: readonly Leak[]
  /** by reason */
  readonly excused: Readonly<Record<string, number>>
}

/** Judged once so much is kept; a process that ends judges the rest. */
const KEPT_MAX = 4 * 1024 * 1024
/** Kept of a stream that was judged: what a secret could begin in. */
const CARRY = 128

/** The bytes of one connection in one direction. */
export class Tap {
  readonly direction: Direction
  readonly peer: string
  readonly #recorder: EgressRecorder
  #kept: Buffer[] = []
  #carry: Buffer = Buffer.alloc(0)

  constructor(recorder: EgressRecorder, direction: Direction, peer: string) {
    this.#recorder = recorder
    this.direction = direction
    this.peer = peer
  }

  write(chunk: string | Uint8Array, encoding?: string): void {
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, encoding as BufferEncoding | undefined)
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    this.#kept.push(bytes)
    this.#recorder.kept(this, bytes.length)
  }

  /** All that was not judged yet, after the last bytes that were. */
  take(): Buffer {
    const text = Buffer.concat([this.#carry, ...this.#kept])
    this.#kept = []
    this.#carry = Buffer.from(text.subarray(Math.max(0, text.length - CARRY)))
    return text
  }
}

export class EgressRecorder {
  gateways = 0
  /** told of everything that is kept */
  onKept: () => void = () => {}
  readonly #secrets: Record<
    Direction,
    {
      readonly index: SecretIndex
      readonly digests: Map<string, number>
      readonly byNumber: { readonly digest: string; readonly learnt: string }[]
    }
  > = {
    'to-upstream': { index: new SecretIndex(), digests: new Map(), byNumber: [] },
    'to-host': { index: new SecretIndex(), digests: new Map(), byNumber: [] },
  }
  readonly #bytes: Record<Direction, number> = { 'to-upstream': 0, 'to-host': 0 }
  readonly #leaks = new Map<string, Leak>()
  readonly #excuses: Excuse[] = []
  readonly #excused: Record<string, number> = {}
  #dirty = new Set<Tap>()
  #keptBytes = 0

  tap(direction: Direction, peer: string): Tap {
    return new Tap(this, direction, peer)
  }

  kept(tap: Tap, bytes: number): void {
    this.#bytes[tap.direction] += bytes
    this.#dirty.add(tap)
    this.#keptBytes += bytes
    if (this.#keptBytes > KEPT_MAX) this.judge()
    this.onKept()
  }

  /** A token that a host sent, or was given. */
  learnHostToken(token: string, learnt: string): void {
    this.#learn('to-upstream', token, learnt)
  }

  /** What the gateway presents to an upstream, or to an authorization server on the way there. */
  learnUpstreamCredential(credential: string, learnt: string): void {
    this.#learn('to-host', credential, learnt)
  }

  /** Of a JWT the signature counts: its claims may stand elsewhere for good reasons, and every header looks the same. */
  #learn(direction: Direction, token: string, learnt: string): void {
    const [, , signature = ''] = /^ey[\w-]*(?:\.[\w-]*){2}$/.test(token) ? token.split('.') : []
    const secret = signature === '' ? token : signature
    const { index, digests, byNumber } = this.#secrets[direction]
    const digest = digestOf(secret)
    if (digests.has(digest)) return
    const number = index.add(secret)
    if (number === undefined) return
    digests.set(digest, number)
    byNumber[number] = { digest, learnt }
  }

  excuse(excuse: Excuse): void {
    this.#excuses.push(excuse)
  }

  /** Searches everything that was kept since the last time. */
  judge(): void {
    const dirty = this.#dirty
    this.#dirty = new Set()
    this.#keptBytes = 0
    for (const tap of dirty) {
      const { index, byNumber } = this.#secrets[tap.direction]
      for (const { secret, form } of index.search(tap.take())) this.#found(tap, byNumber[secret]!, form)
    }
  }

  #found({ direction, peer }: Tap, { digest: secret, learnt }: { readonly digest: string; readonly learnt: string }, form: string): void {
    const excuse = this.#excuses.find(
      e =>
        e.direction === direction &&
        (e.peer === undefined || e.peer === peer) &&
        (e.secret === undefined || digestOf(e.secret) === secret) &&
        (e.peer ?? e.secret) !== undefined,
    )
    if (excuse) this.#excused[excuse.why] = (this.#excused[excuse.why] ?? 0) + 1
    else this.#leaks.set([direction, peer, secret, form].join('\n'), { direction, peer, secret, learnt, form })
  }

  report(file: string): EgressReport {
    this.judge()
    return {
      file,
      gateways: this.gateways,
      hostTokens: this.#secrets['to-upstream'].digests.size,
      upstreamCredentials: this.#secrets['to-host'].digests.size,
      bytes: { ...this.#bytes },
      leaks: [...this.#leaks.values()],
      excused: { ...this.#excused },
    }
  }
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex').slice(0, 16)
