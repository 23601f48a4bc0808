// What decides beside rules which of a server's entries are shown at all: what reviewers admitted of it, and what it could be taken for.

import type { Snapshot } from '../config/schema.ts'
import type { Admitting } from '../pipeline/admitting.ts'
import type { Colliding, Judgement } from '../pipeline/colliding.ts'
import { openAdmissions, type AdmissionParts, type AdmissionPlane } from './admissions.ts'
import { openCollisions, type CollisionParts } from './collisions.ts'

type Parts = Omit<AdmissionParts, 'versions' | 'changed'> &
  Omit<CollisionParts, 'admitting' | 'served'> & { readonly served: AdmissionParts['versions'] & CollisionParts['served'] }

type Shown = {
  readonly admissions: AdmissionPlane
  /** for the catalogue */
  readonly names: { readonly admitting: Admitting; readonly colliding: Colliding }
  /** for people */
  readonly collisions: () => Promise<readonly Judgement[]>
  /** takes over what people decided, of the first configuration or the next one, before it is in force */
  readonly prepare: (next: Snapshot, before?: Snapshot) => Promise<void>
}

export function openShown({ served, ...parts }: Parts): Shown {
  const admissions = openAdmissions({ ...parts, versions: served, changed: () => colliding.changed() })
  const { admitting } = admissions
  const { colliding, prepare } = openCollisions({ ...parts, served, admitting: () => admitting })
  return {
    admissions,
    names: { admitting, colliding },
    collisions: () => colliding.all(),
    async prepare(next, before) {
      await prepare(next, before)
      await admissions.prepare(next)
      if (!before) colliding.changed()
    },
  }
}
