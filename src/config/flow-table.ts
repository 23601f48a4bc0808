// The settings of flow rules: what is read from a server, and how long that counts. Part of the tables in table.ts and upstream-table.ts.

import { record } from './fields.ts'
import { duration, flag } from './scalars.ts'

/** Of the whole. */
export const flow = record(
  {
    decay: duration('ms', {
      min: '1m',
      max: '7d',
      fallback: '30m',
      doc: 'how long after the last read it counts that untrusted or private content was read',
    }),
    clearOwn: flag({
      fallback: false,
      doc: 'people may clear their own marks; otherwise an operator or approver does it, and never their own',
    }),
  },
  { fallback: {}, doc: 'what policies are told of what was read before (docs/policies.md)', aliases: { ttl: 'decay' } },
)

/** Of an upstream. */
export const reads = record(
  {
    untrusted: flag({
      fallback: false,
      doc: 'what is read from it may have been written by strangers: rules are told `context.readUntrusted` afterwards',
    }),
    private: flag({
      fallback: false,
      doc: 'what is read from it is nobody else’s business: rules are told `context.readPrivate` afterwards',
    }),
    openWorld: flag({
      fallback: false,
      doc: 'answers of its tools count as untrusted unless the definition, as it was admitted, says `openWorldHint: false`',
    }),
  },
  { fallback: {}, doc: 'what you say of its contents; what it says of itself counts for nothing', aliases: { sensitive: 'private' } },
)
