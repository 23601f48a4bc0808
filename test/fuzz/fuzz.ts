// Mutation fuzzing: seeds in, hostile variants out, until the time is up. Repeatable: the same seed makes the same inputs.

/** One thing to fuzz. A file in test/fuzz/targets/ exports `targets`; nothing else registers it. */
export type FuzzTarget = {
  readonly name: string
  /** valid and nearly valid inputs to start from */
  readonly seeds: readonly (string | Buffer)[]
  /** pieces worth inserting */
  readonly tokens?: readonly string[]
  /** throws when something that must hold does not; true: the input was accepted, so mutate it further */
  readonly run: (input: Buffer) => boolean
}
export type FuzzOptions = {
  readonly ms: number
  readonly seed: number
  /** called before each execution, so that a hang can be blamed on its input */
  readonly before?: (input: Buffer) => void
}
export type FuzzResult = {
  readonly executions: number
  readonly accepted: number
  readonly slowestMs: number
  readonly failure?: { readonly why: string; readonly input: Buffer }
}

/** No single input may take longer. */
export const SLOW_MS = 1000
const MAX_INPUT = 65_536

/** xorshift32: small, fast, repeatable. */
class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }
  /** an integer in [0, below) */
  next(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % below
  }
  pick<T>(list: readonly T[]): T {
    return list[this.next(list.length)]!
  }
}

const BYTES = [
  0, 9, 10, 13, 0x20, 0x22, 0x2c, 0x2d, 0x30, 0x3a, 0x3d, 0x5b, 0x5c, 0x5d, 0x65, 0x75, 0x7b, 0x7d, 0x7f, 0x80, 0xbf, 0xc0, 0xe2, 0xed,
  0xef, 0xff,
]

function mutate(random: Random, input: Buffer, corpus: readonly Buffer[], tokens: readonly Buffer[]): Buffer {
  const at = random.next(input.length + 1)
  const length = random.next(Math.min(32, input.length - at) + 1)
  const insert = (piece: Buffer, drop: number) => Buffer.concat([input.subarray(0, at), piece, input.subarray(at + drop)])
  switch (random.next(9)) {
    case 0: {
      const copy = Buffer.from(input)
      if (at < copy.length) copy[at] = copy[at]! ^ (1 << random.next(8))
      return copy
    }
    case 1:
      return insert(Buffer.from([random.pick(BYTES)]), random.next(2))
    case 2:
      return insert(Buffer.alloc(0), length)
    case 3:
      return insert(input.subarray(at, at + length), 0)
    case 4:
      return insert(tokens.length > 0 ? random.pick(tokens) : Buffer.from([random.next(256)]), random.next(2) * length)
    case 5: {
      const other = random.pick(corpus)
      const from = random.next(other.length + 1)
      return insert(other.subarray(from, from + random.next(64)), length)
    }
    case 6:
      return input.subarray(0, at)
    case 7:
      // repetition: depth, long runs, many members
      return insert(Buffer.concat(Array.from({ length: 1 + random.next(200) }, () => input.subarray(at, at + 1 + (length >> 2)))), 0)
    default: {
      const other = random.pick(corpus)
      return Buffer.concat([input.subarray(0, at), other.subarray(random.next(other.length + 1))])
    }
  }
}

/** accepted inputs kept for further mutation, the oldest replaced first */
const POOL = 512

/** Mutations that are tried even where a busy machine leaves no time for any. */
const AT_LEAST = 100

/** Runs one target for `ms`: first every seed as it is, then mutations of seeds and of inputs that were accepted. */
export function fuzz(target: FuzzTarget, { ms, seed, before }: FuzzOptions): FuzzResult {
  const seeds = target.seeds.map(s => Buffer.from(s as string))
  const tokens = (target.tokens ?? []).map(t => Buffer.from(t))
  const random = new Random(seed)
  const pool: Buffer[] = [...seeds]
  const ends = performance.now() + ms
  let executions = 0
  let accepted = 0
  let slowestMs = 0
  for (; executions < seeds.length + AT_LEAST || performance.now() < ends; executions++) {
    let input = seeds[executions] ?? random.pick(random.next(4) === 0 ? seeds : pool)
    if (executions >= seeds.length)
      for (let i = 1 + random.next(random.next(8) === 0 ? 16 : 2); i > 0; i--) input = mutate(random, input, pool, tokens)
    input = input.subarray(0, MAX_INPUT)
    before?.(input)
    const started = performance.now()
    try {
      if (target.run(input)) pool[accepted++ < POOL - seeds.length ? pool.length : seeds.length + random.next(POOL - seeds.length)] = input
      let took = performance.now() - started
      if (took > SLOW_MS) {
        // a busy machine may stop any thread for a second, but hardly twice on the same input
        const again = performance.now()
        target.run(input)
        took = Math.min(took, performance.now() - again)
      }
      if (took > slowestMs) slowestMs = took
      if (took > SLOW_MS) return { executions, accepted, slowestMs, failure: { why: `took ${took.toFixed(0)} ms`, input } }
    } catch (error) {
      return {
        executions,
        accepted,
        slowestMs,
        failure: { why: error instanceof Error ? (error.stack ?? error.message) : String(error), input },
      }
    }
  }
  return { executions, accepted, slowestMs }
}

/** For targets: what must hold. */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`broken: ${what}`)
}
