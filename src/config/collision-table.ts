// What people decided about collisions, under `collisions`. Part of the table in table.ts.

import { RESOLUTION_KINDS } from '../collision/resolution.ts'
import { list, optional, record, type ValueOf } from './fields.ts'
import { choice, text } from './scalars.ts'
import { ALIAS } from './upstream-table.ts'

const NAME = { what: 'a name as its server has it', maxLength: 8192 }
const name = (doc: string) => optional(text({ ...NAME, doc }))

/** Exactly one of the four names what it is about; collision-checks.ts. */
const collision = record(
  {
    server: text({
      what: ALIAS.what,
      maxLength: ALIAS.maxLength,
      pattern: new RegExp(ALIAS.pattern),
      doc: 'the upstream whose entry it is: the one that is held',
    }),
    tool: name('its tool of this name, or'),
    prompt: name('its prompt of this name, or'),
    resource: name('its resource of this URI, or'),
    template: name('its resource template'),
    resolve: choice(RESOLUTION_KINDS, {
      doc: '`alias`: show it under the name in `as` beside other servers; `priority`: keep it, and hold what looks like it; `hide`: show and call it nowhere; `accept`: leave both as they are',
    }),
    as: optional(
      text({
        what: 'a name of letters, digits, `_` and `-`',
        maxLength: 46,
        pattern: /^[A-Za-z0-9_-]+$/,
        doc: 'with `alias`: stands behind `server__` where its own name stood; for tools and prompts',
      }),
    ),
    by: text({ what: 'a name', maxLength: 200, doc: 'who decided it; stands in the audit log' }),
    why: text({ what: 'a reason', maxLength: 500, doc: 'why; stands in the audit log' }),
  },
  { doc: 'one decision', aliases: { alias: 'as', upstream: 'server', uri: 'resource', reason: 'why', author: 'by' } },
)
export type CollisionDocument = ValueOf<typeof collision>

/** Of the whole file. */
export const COLLISIONS = {
  collisions: list(collision, {
    max: 1000,
    unique: false,
    fallback: [],
    doc: 'decisions about entries that are held because they could be taken for others: `gatehouse collisions` writes the lines (docs/collisions.md)',
  }),
}
