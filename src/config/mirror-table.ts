// The settings of what comes from elsewhere, under `registry.mirrors` and `registry.seeds`. Part of the table in table.ts.

import { urlProblem } from './addresses.ts'
import { list, optional, record } from './fields.ts'
import { duration, path, text } from './scalars.ts'

const mirror = record(
  {
    url: text({
      what: 'a URL',
      maxLength: 2048,
      problem: urlProblem,
      doc: 'the base URL of a registry that speaks the official API v0.1, without `/v0.1`; fetched as `outbound` allows',
    }),
    namespaces: list(
      text({
        what: 'a namespace, `namespace.*` or `*`',
        maxLength: 150,
        pattern: /^(?:\*|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?:\.\*)?)$/,
        doc: 'a namespace such as `com.example`, or `io.github.*` for all below one',
      }),
      { max: 1000, doc: 'what is taken from it; all else is passed over, and so is whatever is published or registered here' },
    ),
    every: duration('ms', { min: '1m', max: '7d', fallback: '1h', doc: 'how often it is asked for what changed' }),
    tokenFile: optional(path({ doc: 'a file with a bearer token for it, that only its owner may read' })),
  },
  { doc: 'one registry', aliases: { namespace: 'namespaces', interval: 'every', token: 'tokenFile' } },
)

/** Of the record `registry`. */
export const MIRRORS = {
  from: optional(
    record(
      {
        url: text({
          what: 'a URL',
          maxLength: 2048,
          problem: urlProblem,
          doc: 'its public URL: what publishers signed for; fetched as `outbound` allows',
        }),
        tokenFile: optional(path({ doc: 'a file with a bearer token for it, that only its owner may read' })),
        grace: duration('ms', {
          min: '0ms',
          max: '30d',
          fallback: '1d',
          doc: 'how long its last answer counts while it cannot be asked; what is revoked in the repository of trust counts all the same',
        }),
      },
      {
        doc: 'another Gatehouse’s registry that upstreams with `server` come from, instead of this gateway’s own; asked twice a minute and before each start',
        aliases: { token: 'tokenFile' },
      },
    ),
  ),
  seeds: list(path({ doc: 'a folder with `servers/<namespace>/<name>/<version>/`' }), {
    max: 20,
    fallback: [],
    doc: 'folders whose versions are taken into the registry at a start: admitted by a review that counts, else in quarantine; never in place of anything',
  }),
  mirrors: list(mirror, {
    max: 20,
    unique: false,
    fallback: [],
    doc: 'other registries whose versions are read into waiting; a reviewer’s statement admits one, nothing else does',
  }),
}
