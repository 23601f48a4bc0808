// What a page is given, and what it gives back.

import type { Session } from './api.ts'
import type { Child } from './dom.ts'
import type { Inbox } from './inbox.ts'

export type Context = {
  readonly session: Session
  readonly roles: ReadonlySet<string>
  readonly inbox: Inbox
  /** to another page of the console */
  readonly go: (path: string) => void
  /** says what was done, above the page, until the next page */
  readonly say: (tone: 'good' | 'bad', ...content: readonly Child[]) => void
  /** what could not be done; signed out, it is the way to sign in again */
  readonly failed: (error: unknown) => void
  /** called when another page takes this one's place */
  readonly onLeave: (listener: () => void) => void
}

/** Resolves once there is something to show; rejects where it cannot be had. `id`: the last part of the address. */
export type Page = (context: Context, id: string) => Promise<Child>
