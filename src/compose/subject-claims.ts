// By which claims people are named, held against what is kept under their names: at the start and at each reload.

import { sqliteSubjectClaims } from '../adapters/sqlite/subject-claim-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Snapshot } from '../config/schema.ts'
import { checkSubjectClaims, keepSubjectClaims, subjectClaimsOf, type Refusal } from '../identity/subject-claims.ts'
import { Fault } from '../kernel/errors.ts'

type SubjectClaims = {
  /** why a snapshot may not be taken over; changes nothing */
  check(next: Snapshot): Promise<string | undefined>
  /** the same, and its claims are in force from now on */
  keep(next: Snapshot): Promise<string | undefined>
}

/** Rejects with Fault `subject-claim-changed`, or the store's: the gateway then does not start. */
export async function openSubjectClaims(snapshot: Snapshot, state: StateDb, now: () => number): Promise<SubjectClaims> {
  const store = sqliteSubjectClaims(state, () => Math.floor(now() / 1000))
  const keep = async (next: Snapshot): Promise<string | undefined> => wordsOf(await keepSubjectClaims(store, subjectClaimsOf(next)))
  const refused = await keep(snapshot)
  if (refused !== undefined) throw new Fault('subject-claim-changed', refused)
  return { check: async next => wordsOf(await checkSubjectClaims(store, subjectClaimsOf(next))), keep }
}

const wordsOf = (refusal: Refusal | undefined): string | undefined => refusal && `${refusal.what}; ${refusal.mend}`
