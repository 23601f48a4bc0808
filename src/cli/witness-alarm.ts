// What a witness refused, told to whoever runs it: loudly, whether or not evidence of it could be kept.

import { keepEvidence, nameOfRefused } from '../adapters/audit/witness-evidence.ts'
import type { Refused } from '../audit/witnessing.ts'
import type { CommandArgs } from './command.ts'

const HOUR_MS = 3_600_000
/** Trees of one kind that are told in an hour at most. Each is one that the log signed: a stranger cannot make up any. */
const MAX_TOLD = 100

export class WitnessAlarm {
  readonly #args: Pick<CommandArgs, 'io' | 'json'>
  readonly #folder: string
  #since = -Infinity
  /** names of what was told since, by kind: one kind keeps no other from being told */
  readonly #told: Readonly<Record<Refused['is'], Set<string>>> = { contradiction: new Set(), unproven: new Set() }

  constructor(args: Pick<CommandArgs, 'io' | 'json'>, folder: string) {
    this.#args = args
    this.#folder = folder
  }

  /** Keeps and tells; what was told within the hour is not told again. Never throws. */
  raise(refused: Refused): void {
    const { io, json } = this.#args
    const evidence = this.#keep(refused)
    if (!this.#isDue(refused, io.now())) return
    const { is, origin, seen, tree } = refused
    const root = Buffer.from(tree.root).toString('base64')
    if (json) io.out(`${JSON.stringify({ event: is, origin, seenSize: seen.size, size: tree.size, root, evidence })}\n`)
    const what =
      is === 'contradiction'
        ? `FORK: \`${origin}\` signed two trees of size ${seen.size}. What it tells you and what it told others differ; its key or its machine is in other hands, or it was restored from a copy`
        : `refused: \`${origin}\` signed a tree that was not shown to go on from the one of ${seen.size} events that was seen; a fork, unless somebody sent a false proof`
    const kept = evidence ?? `none could be kept; the tree that was refused has ${tree.size} events and the root ${root}`
    const isLast = this.#told[is].size === MAX_TOLD
    io.err(
      `${what}. Evidence: ${kept}${isLast ? `. There were ${MAX_TOLD} such within an hour; no more are told before it is over` : ''}\n`,
    )
  }

  #keep(refused: Refused): string | undefined {
    try {
      return keepEvidence(this.#folder, refused, this.#args.io.now())
    } catch {
      // a full disk keeps nobody from being told
      return undefined
    }
  }

  #isDue(refused: Refused, now: number): boolean {
    if (now - this.#since >= HOUR_MS) {
      this.#since = now
      for (const names of Object.values(this.#told)) names.clear()
    }
    const told = this.#told[refused.is]
    const name = nameOfRefused(refused)
    if (told.has(name) || told.size >= MAX_TOLD) return false
    told.add(name)
    return true
  }
}
