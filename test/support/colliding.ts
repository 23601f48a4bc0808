// The comparison of servers for tests of what stands around it: nothing collides unless a test says so.

import type { Collisions } from '../../src/collision/finding.ts'
import { Resolutions } from '../../src/collision/resolution.ts'
import { Colliding, type CollidingDeps } from '../../src/pipeline/colliding.ts'
import { KnownLists } from '../../src/pipeline/known-lists.ts'

export const NOTHING_COLLIDES: Collisions = { findings: [], counts: new Map(), held: new Map() }

export const testColliding = (deps: Partial<CollidingDeps> & Pick<CollidingDeps, 'upstreams'>): Colliding =>
  new Colliding({
    known: new KnownLists({ surfaceOf: () => undefined, digestIn: () => '', pause: async () => {}, now: () => 0 }),
    endpoints: () => [],
    isHeld: () => false,
    identityOf: ({ identity }) => ({ source: identity }),
    rankOf: () => 0,
    resolutions: () => Resolutions.NONE,
    collide: async () => NOTHING_COLLIDES,
    told: async () => {},
    failed: cause => {
      throw cause
    },
    pause: async () => {},
    ...deps,
  })
