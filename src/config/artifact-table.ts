// Where artifacts come from and where they are kept, under `registry.artifacts`. Part of the table in table.ts.

import { hostProblem, urlProblem } from './addresses.ts'
import { list, optional, record } from './fields.ts'
import { path, text } from './scalars.ts'
import { asSource } from './sources.ts'

const base = (doc: string) => text({ what: 'a base URL', maxLength: 2048, problem: baseProblem, doc })
const host = text({ what: 'a host', maxLength: 300, problem: fileHostProblem, doc: '`name` or `name:port`' })

/** Of the record `registry`. */
export const ARTIFACTS = {
  artifacts: record(
    {
      npm: optional(
        base(
          'base URL of the one npm registry that packages are fetched from; https, unless it is on this machine. Nothing is asked anywhere else',
        ),
      ),
      npmAuthorization: optional(
        asSource({ doc: 'value of the `Authorization` header towards it, such as `{fromFile: path, prefix: "Bearer "}`' }),
      ),
      pypi: optional(
        base('base URL of the one index (PEP 691) that PyPI packages are verified against, such as `https://pypi.corp.example/simple`'),
      ),
      oci: optional(base('base URL of the one registry (OCI distribution, before `/v2/`) that images are verified against')),
      mcpb: list(host, {
        max: 100,
        fallback: [],
        doc: 'hosts that MCPB files may be fetched from over https, those that they redirect to included; without any none is fetched',
      }),
      mirrorOf: list(base('a base URL'), {
        max: 100,
        fallback: [],
        doc: 'registries that the sources above stand for: a server.json may name these as its `registryBaseUrl`, and is served from the sources above all the same',
      }),
      folder: optional(
        path({
          doc: 'where artifacts are kept once they were verified; default: `content` in `dataDir`. Servers that run as a user of their own need a folder that this user may read',
        }),
      ),
    },
    {
      fallback: {},
      doc: 'where the artifacts of servers come from; what is not named is not fetched, and every file is compared with what was signed',
    },
  ),
}

function baseProblem(value: string): string | undefined {
  return urlProblem(value) ?? (value.includes('?') ? 'expected a base URL without a query' : undefined)
}

function fileHostProblem(value: string): string | undefined {
  return value.includes('*') ? '`*` means nothing here: name each host' : hostProblem(value)
}
