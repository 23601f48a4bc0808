// Every attack of areas A to D (who asks), H (what servers ask), I and J (names, lists, arguments), single ones of others, and every advisory about who asks, is named by a test.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const VECTORS = join(root, '../shared/vectors/attacks/negative-tests.jsonl')
/** Of other areas: arguments, patterns, a folder of policies that breaks. */
const SINGLE = new Set(['N093', 'N094', 'N148'])
/** Of area H: tokens and pages of approvals, which do not exist yet. */
const LATER = new Set(['N119', 'N120'])

/** Titles of tests, of groups, and of rows of `it.each`: lines with a string that is more than an id. Comments say nothing of what runs. */
const TITLES = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter(file => /\.test\.ts$|^contracts\//.test(file) && !file.endsWith('rows.test.ts'))
  .flatMap(file => readFileSync(join(root, 'test', file), 'utf8').split('\n'))
  .filter(line => !/^\s*(?:\/\/|\*|import )/.test(line))
  .flatMap(line => [...line.matchAll(/(['`])((?:(?!\1).)*)\1/g)].map(([, , text = '']) => text))
const isNamed = (id: string): boolean => TITLES.some(title => new RegExp(`\\b${id}\\b`).test(title))

describe.skipIf(!existsSync(VECTORS))('the rows of negative-tests.jsonl', () => {
  const rows = existsSync(VECTORS)
    ? readFileSync(VECTORS, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line) as { readonly id: string; readonly area: string; readonly request: string })
        .filter(({ id, area }) => (/^[A-DH-J] /.test(area) || SINGLE.has(id)) && !LATER.has(id))
    : []
  it('are there', () => expect(rows.length).toBeGreaterThan(50))
  it.each(rows.map(({ id, request }) => [id, request.slice(0, 80)]))('%s has a test: %s', id => expect(isNamed(id)).toBe(true))
})

// Of the peers' advisories, those about who asks, whose rights count and where credentials go.
const ADVISORIES = [
  'CVE-2025-64443', // Docker: streams without authentication, rebinding
  'GHSA-g53w-w6mj-hrpp', // Kuadrant: built-in router key
  'CVE-2026-101084', // Obot: other people's connect links
  'CVE-2026-101062', // Obot: open registration, no consent, no audience
  'GO-2026-6522', // Obot: SSRF
  'GO-2026-6525', // Obot: registry without authentication
  'CVE-2026-101065', // Obot: quickstart without authentication
  'CVE-2026-105138', // Obot: secrets readable
  'CVE-2026-105140', // Obot: revoked groups come back
  'CVE-2026-114662', // Obot: theft of a command-line login
  'GHSA-pr64-jmmf-jp54', // ToolHive: SSRF in discovery
  'GO-2026-5996', // ToolHive: NAT64
  'CVE-2026-53709', // ContextForge: default key
  'CVE-2026-78573', // ContextForge: default credentials
  'CVE-2026-77822', // ContextForge: SSRF by rebinding
  'CVE-2026-110279', // ContextForge: a host's header in place of the managed credential
  'GHSA-vgf8-3685-66j9', // ContextForge: tokens of another environment
  'CVE-2026-30623', // LiteLLM: a web request names a program
  'CVE-2026-42271', // LiteLLM: the same
  'CVE-2026-12773', // LiteLLM: a validator that fails lets somebody in
  'CVE-2026-79748', // MCPHub: programs by people who are no administrators
  'CVE-2026-79747', // MCPHub: SSRF by the same
  'CVE-2026-81094', // mcp-router: everybody's network without authentication
  'CVE-2026-40933', // Flowise: an allow-list of commands that is none
  'CVE-2026-44430', // MCP Registry: SSRF by 6to4, NAT64, site-local
  'GHSA-345p-7cg4-v4c7', // TS SDK: answers of others
  'GHSA-w48q-cv73-mx4w', // TS SDK: rebinding
  'CVE-2026-52869', // Python SDK: sessions of nobody in particular
  'CVE-2026-52870', // Python SDK: tasks of nobody in particular
  'CVE-2026-59951', // Python SDK: sessions without end
  'GHSA-89vp-x53w-74fx', // rmcp: rebinding
  'GHSA-9pj6-vhgr-3mwh', // rmcp: session leak
  'GHSA-33f5-2c5q-wgwj', // rmcp: metadata of another resource
  'GHSA-9g45-5xwm-f3wc', // rmcp: credentials kept on redirect
  'CVE-2025-64484', // oauth2-proxy: identity by underscore headers
  'CVE-2026-48710', // BadHost: authentication by path, another authority
]
describe('advisories about who asks', () => {
  it.each(ADVISORIES)('%s has a test', id => expect(isNamed(id)).toBe(true))
})
