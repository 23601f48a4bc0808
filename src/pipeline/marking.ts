// Marks as stages set them: before contents of a labelled server can reach a host, by whichever way. Where that cannot be kept nothing is read.

import type { LegacySession } from '../bridge/legacy-session.ts'
import type { Marks, NotMarked, Running } from '../flow/marks.ts'
import { labelsOf, type Label } from '../flow/reading.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Authenticated, Joined } from './path.ts'

/** Whose host reads. */
export type Reader = Authenticated & Pick<Joined, 'session'>
type Read = { readonly server: string; readonly method: string; readonly name: string; readonly labels: readonly Label[] }

export class Marking {
  readonly #marks: Pick<Marks, 'begin'>
  /** what the events that are kept for a session may hold */
  readonly #heldFor = new WeakMap<LegacySession, Map<string, Set<Label>>>()

  constructor(marks: Pick<Marks, 'begin'>) {
    this.#marks = marks
  }

  /** Marks whoever reads. INVARIANT: `end` of what comes of it is called when nothing more of this read can reach the host. */
  begin({ principal, session }: Reader, { server, method, name, labels }: Read): Running | Stop | Promise<Running | Stop> {
    if (labels.length === 0) return UNMARKED
    if (session) this.#hold(session, server, labels)
    const begun = this.#marks.begin({ principal: principal.key, client: principal.client ?? '', server, method, name, labels })
    return begun instanceof Promise ? begun.then(answer => answerOf(answer, server)) : answerOf(begun, server)
  }

  /** Something of a server on a standing stream: `pass` sends it, once the mark is durable; what cannot be marked is not told. */
  heard(who: Reader, entry: UpstreamEntry, method: string, pass: () => void): void {
    // Of a task: which tool answers is not known.
    const labels = entry.reads ? labelsOf(entry.reads, { isOpenWorld: true }) : []
    const begun = this.begin(who, { server: entry.alias, method, name: '', labels })
    const next = (running: Running | Stop): void => {
      if (isStop(running)) return
      try {
        pass()
      } finally {
        // Also where sending throws: a read without an end would be renewed for ever.
        void running.end()
      }
    }
    // A stream that breaks while it is told something is ended by whoever holds it.
    if (begun instanceof Promise) void begun.then(next).catch(() => undefined)
    else next(begun)
  }

  /** A host comes back for events that were kept for its session: it reads them now. A stop where that cannot be marked. */
  async again(session: LegacySession, { principal }: Authenticated): Promise<Stop | undefined> {
    for (const [server, labels] of this.#heldFor.get(session) ?? []) {
      const running = await this.begin({ principal }, { server, method: 'session/stream', name: '', labels: [...labels] })
      if (isStop(running)) return running
      await running.end()
    }
    return undefined
  }

  #hold(session: LegacySession, server: string, labels: readonly Label[]): void {
    const held = this.#heldFor.get(session) ?? new Map<string, Set<Label>>()
    this.#heldFor.set(session, held)
    const known = held.get(server) ?? new Set<Label>()
    // INVARIANT: servers are the configuration's.
    held.set(server, known)
    for (const label of labels) known.add(label)
  }
}

const UNMARKED: Running = { end: () => true }

function answerOf(begun: Running | NotMarked, server: string): Running | Stop {
  if (typeof begun === 'object') return begun
  return begun === 'full'
    ? { stop: 'mark-unavailable', detail: 'more marks stand than are kept', fix: 'try again later', retryAfterSeconds: 60 }
    : notKept(server)
}

export const notKept = (server: string): Stop => ({
  stop: 'mark-unavailable',
  detail: `that \`${server}\` is read cannot be kept now`,
  fix: 'try again later',
  retryAfterSeconds: 5,
})
