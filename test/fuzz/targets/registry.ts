// Fuzz targets of what the registry takes from elsewhere: advisories, pages of mirrors, lock files. Read or refused, and what is read is bounded and comparable.

import { loadServerJsonSchema } from '../../../src/adapters/registry-schema.ts'
import { versionKey } from '../../../src/registry/advisories/ecosystems.ts'
import { lockedPackages } from '../../../src/registry/advisories/locked.ts'
import { isAffected } from '../../../src/registry/advisories/matching.ts'
import { readAdvisory } from '../../../src/registry/advisories/osv.ts'
import { judgeEntry } from '../../../src/registry/mirrors/judge.ts'
import { readPage } from '../../../src/registry/mirrors/page.ts'
import { isJsonFault, readJson } from '../../../src/mcp/json.ts'
import { must } from '../fuzz.ts'
import type { FuzzTarget } from '../fuzz.ts'

const advisory = JSON.stringify({
  schema_version: '1.7.0',
  id: 'GHSA-aaaa-bbbb-cccc',
  modified: '2026-01-31T12:00:00Z',
  aliases: ['MAL-2026-1'],
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N' }],
  affected: [
    {
      package: { ecosystem: 'npm', name: '@a/b', purl: 'pkg:npm/%40a/b' },
      ranges: [
        { type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1.2.3-rc.1' }, { introduced: '2.0.0' }, { last_affected: '2.1' }] },
      ],
      versions: ['1.0.0'],
    },
    {
      package: { ecosystem: 'PyPI', name: 'B_c' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '1!1.0a1.dev2+x' }, { limit: '*' }] }],
    },
  ],
})
const entry = {
  server: { name: 'com.example/a', description: 'd', version: '1.0.0', remotes: [{ type: 'sse', url: 'https://a.example/' }] },
  _meta: { 'io.modelcontextprotocol.registry/official': { status: 'deprecated', statusMessage: 'x', updatedAt: '2026-01-01T00:00:00Z' } },
}
const checkSchema = loadServerJsonSchema()

export const targets: readonly FuzzTarget[] = [
  {
    name: 'osv',
    seeds: [advisory],
    tokens: ['"introduced"', '"fixed"', '"limit"', '"*"', '"0"', '"MCP"', '"OCI"', 'null', '{}', '[]', '"withdrawn":'],
    run: input => {
      if (isJsonFault(readJson(input))) return false
      const read = readAdvisory(JSON.parse(input.toString()))
      if (!('id' in read)) return false
      for (const affected of read.affected) {
        for (const { kind, version } of affected.ranges.flat())
          must(
            version === (kind === 'limit' ? '*' : '0') || versionKey(affected.ecosystem, version) !== undefined,
            'an end of a range that has no place',
          )
        for (const version of affected.versions)
          must(isAffected({ ...affected, versions: [version] }, affected), 'a listed version is not meant')
      }
      return true
    },
  },
  {
    name: 'mirror-page',
    seeds: [JSON.stringify({ servers: [entry, entry], metadata: { nextCursor: 'c', count: 2 } }), '{"servers":null}'],
    tokens: [
      '"servers":',
      '"nextCursor":',
      '"_meta":',
      '[[[[[[[[',
      '"name":"com.example/a",',
      '9007199254740993',
      '\\ud800',
      '"gatehouse/trust":{}',
    ],
    run: input => {
      const page = readPage(input)
      if ('fault' in page) return false
      must(page.entries.length <= 200, 'more entries than a page has')
      must((page.nextCursor ?? 'c').length <= 2048, 'a cursor without end')
      for (const [i, each] of page.entries.entries()) {
        const judged = judgeEntry(each, i, { patterns: ['*'], checkSchema })
        if (judged.kind !== 'entry') continue
        must(judged.name.text === JSON.parse(judged.serverJson).name, 'a name that is not in its document')
        must(!('message' in judged.said) || !/[\p{Cc}\p{Cf}]/u.test(judged.said.message ?? ''), 'a message that moves the cursor')
      }
      return true
    },
  },
  {
    name: 'lock-packages',
    seeds: [
      JSON.stringify({ lockfileVersion: 3, packages: { '': {}, 'node_modules/a/node_modules/@b/c': { version: '1.0.0' } } }),
      'a==1.0 \\\n --hash=sha256:aa\nb[x]==2 ; python_version > "3"\n',
    ],
    tokens: ['node_modules/', '==', '"name":', '"version":'],
    run: input =>
      (['lock:package-lock.json', 'lock:requirements.txt'] as const).some(kind => {
        const found = lockedPackages({ kind, text: input.toString() })
        must(new Set(found.map(({ name, version }) => `${name}@${version}`)).size === found.length, 'a package twice')
        return found.length > 0
      }),
  },
]
