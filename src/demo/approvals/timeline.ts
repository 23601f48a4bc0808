// Who saw what, in order: each line of a scene is one thing that one party did, heard or wrote down.

/** `at`: milliseconds since the epoch */
export type Moment = { readonly at: number; readonly who: string; readonly what: string }

/** What happens in this process, as it happens. */
export class Timeline {
  readonly #now: () => number
  readonly moments: Moment[] = []
  constructor(now: () => number) {
    this.#now = now
  }

  add(who: string, what: string): void {
    this.moments.push({ at: this.#now(), who, what })
  }
  get now(): number {
    return this.#now()
  }
}

const MAX_LINE = 150

/** Indented lines, oldest first, with the time since the first. */
export function timelineText(moments: readonly Moment[]): readonly string[] {
  const inOrder = moments.toSorted((a, b) => a.at - b.at)
  const first = inOrder[0]?.at ?? 0
  const width = Math.max(0, ...inOrder.map(({ who }) => who.length))
  return inOrder.map(({ at, who, what }) => {
    const line = what.length > MAX_LINE ? `${what.slice(0, MAX_LINE)} … (${what.length} characters)` : what
    return `  ${((at - first) / 1000).toFixed(3).padStart(7)} s  ${who.padEnd(width)}  ${line}`
  })
}
