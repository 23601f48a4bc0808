// Which paths of the registry are acts of administration, by method: what writes, and what is read by a role alone. How an act's parameters are made of path,
// query and body.

import type { Stop } from '../../kernel/errors.ts'
import { isJsonFault, readJson, valueOf } from '../../mcp/json.ts'

export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: RegExp
  readonly act: string
  /** names of the path's groups; the path's own count, whatever the body says */
  readonly parts?: readonly string[]
  /** the member that the body becomes */
  readonly wrap?: string
  /** may bring documents */
  readonly isLarge?: true
  /** there is nothing to read */
  readonly isBare?: true
  /** takes a token of the registry too */
  readonly isPublishing?: true
  /** of people without an account: a proof */
  readonly isExchange?: true
  /** other members than came */
  readonly make?: (given: Given) => Given
}
type Given = Readonly<Record<string, unknown>>

/** A namespace and its owner are one target to whoever approves it (the two-person rule). */
const registration = ({ namespace, owner, ...rest }: Given): Given => ({ ...rest, target: `${String(namespace)} ${String(owner)}` })

export const WRITES: readonly Route[] = [
  { method: 'POST', path: /^\/v0\.1\/publish$/, act: 'admin/registry/submit', wrap: 'serverJson', isPublishing: true },
  { method: 'POST', path: /^\/v1\/publish$/, act: 'admin/registry/publish', isLarge: true, isPublishing: true },
  { method: 'POST', path: /^\/v1\/attestations$/, act: 'admin/registry/attest', isLarge: true },
  { method: 'POST', path: /^\/v1\/revocations$/, act: 'admin/registry/revoke' },
  { method: 'POST', path: /^\/v1\/advisories$/, act: 'admin/registry/advise', wrap: 'advisory' },
  { method: 'DELETE', path: /^\/v1\/advisories\/([^/]+)$/, act: 'admin/registry/withdraw', parts: ['id'], isBare: true },
  {
    method: 'PATCH',
    path: /^\/v0\.1\/servers\/([^/]+)\/versions\/([^/]+)\/status$/,
    act: 'admin/registry/status',
    parts: ['name', 'version'],
    isPublishing: true,
  },
  { method: 'PATCH', path: /^\/v0\.1\/servers\/([^/]+)\/status$/, act: 'admin/registry/status', parts: ['name'], isPublishing: true },
  {
    method: 'POST',
    path: /^\/v0\.1\/auth\/(dns|http|oidc|github-oidc|github-at)$/,
    act: 'registry/exchange',
    parts: ['method'],
    isExchange: true,
  },
  { method: 'POST', path: /^\/v0\.1\/auth\/(none)$/, act: 'registry/exchange', parts: ['method'], isBare: true, isExchange: true },
  { method: 'POST', path: /^\/v1\/namespaces$/, act: 'admin/namespaces/register', make: registration },
  { method: 'POST', path: /^\/v1\/namespaces\/([^/]+)\/challenges$/, act: 'admin/namespaces/claim', parts: ['namespace'] },
  { method: 'POST', path: /^\/v1\/namespaces\/([^/]+)\/verify$/, act: 'admin/namespaces/verify', parts: ['namespace'] },
  { method: 'PUT', path: /^\/v1\/namespaces\/([^/]+)\/members$/, act: 'admin/namespaces/members', parts: ['namespace'] },
  { method: 'PUT', path: /^\/v1\/namespaces\/([^/]+)\/signer-policy$/, act: 'admin/namespaces/signer', parts: ['namespace'] },
  { method: 'POST', path: /^\/v1\/namespaces\/([^/]+)\/freeze$/, act: 'admin/namespaces/freeze', parts: ['namespace'] },
  { method: 'POST', path: /^\/v1\/namespaces\/([^/]+)\/thaw$/, act: 'admin/namespaces/thaw', parts: ['target'] },
]

/** What is read by a role alone, whoever may read the rest: the act, and what of the query it takes. */
export const READS: readonly (Route & { readonly query?: readonly string[]; readonly pick?: 'namespace' })[] = [
  { method: 'GET', path: /^\/v1\/advisories$/, act: 'admin/registry/advisories', query: ['after'] },
  { method: 'GET', path: /^\/v1\/advisories\/([^/]+)$/, act: 'admin/registry/advisories', parts: ['id'], query: ['after'] },
  { method: 'GET', path: /^\/v1\/mirrors$/, act: 'admin/registry/mirrors' },
  { method: 'GET', path: /^\/v1\/mirrored$/, act: 'admin/registry/mirrored', query: ['search', 'after'] },
  { method: 'GET', path: /^\/v1\/mirrored\/([^/]+)\/versions\/([^/]+)$/, act: 'admin/registry/mirrored', parts: ['name', 'version'] },
  { method: 'GET', path: /^\/v1\/signer-policies$/, act: 'admin/registry/signers' },
  { method: 'GET', path: /^\/v1\/namespaces$/, act: 'admin/namespaces/list' },
  { method: 'GET', path: /^\/v1\/namespaces\/([^/]+)$/, act: 'admin/namespaces/list', pick: 'namespace' },
]

/** The act's parameters as JSON text. What is put around the body's bytes is put around one judged document, so that nothing in it can end it early. */
export function paramsOf({ path, parts, wrap, make }: Route, target: string, body: Buffer): Buffer | Stop {
  if (wrap === undefined && !parts && !make) return body
  const doc = readJson(body)
  if (isJsonFault(doc)) return { stop: 'json-invalid', detail: `${doc.fault} at byte ${doc.at}` }
  if (wrap !== undefined) return Buffer.concat([Buffer.from(`{"${wrap}":`), body, Buffer.from('}')])
  if (doc.root.kind !== 'object') return { stop: 'params-invalid', detail: 'expected one JSON object' }
  const named = segments(path, target)
  if (!named) return { stop: 'registry-unknown', detail: 'server not found' }
  const given = valueOf(doc, doc.root) as Given
  return Buffer.from(JSON.stringify({ ...(make ? make(given) : given), ...byName(parts, named) }))
}

/** The path of a target, decoded where the route names parts of it; undefined for what is not UTF-8, or half an escape. */
export function segments(path: RegExp, target: string): readonly string[] | undefined {
  try {
    return (path.exec(target) ?? []).slice(1).map(decodeURIComponent)
  } catch {
    return undefined
  }
}
export const byName = (parts: readonly string[] | undefined, named: readonly string[]): Given =>
  Object.fromEntries((parts ?? []).map((part, i) => [part, named[i]]))
