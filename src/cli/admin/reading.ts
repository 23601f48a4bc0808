// The verbs that read our own API of the registry: what waits for a reviewer, how versions differ, which version a gateway would take and what speaks against it.

import type { SurfaceReview } from '../../admission/review.ts'
import { reviewText } from '../server/words.ts'
import { send, type ActAnswer } from './gateway.ts'
import { records, table, text, verb } from './verb.ts'

const entryOf = (body: Record<string, unknown>): readonly [server: Record<string, unknown>, trust: Record<string, unknown>] => {
  const meta = (body['_meta'] ?? {}) as Record<string, unknown>
  return [(body['server'] ?? {}) as Record<string, unknown>, (meta['gatehouse/trust'] ?? {}) as Record<string, unknown>]
}

export const reviews = verb({
  command: 'registry reviews',
  run(args) {
    const [search] = args.positionals
    return send(args, `/v1/reviews?limit=100${search === undefined ? '' : `&search=${encodeURIComponent(search)}`}`)
  },
  tell({ servers, metadata }) {
    const rows = records(servers).map(entry => {
      const [server, trust] = entryOf(entry)
      const { name, version, description } = server
      return [text(name), text(version), trust['isSigned'] === true ? 'yes' : 'no', text(description)]
    })
    const isMore = ((metadata ?? {}) as Record<string, unknown>)['nextCursor'] !== undefined
    return `${table(['server', 'version', 'signed', 'description'], rows, 'nothing waits for a reviewer\n')}${isMore ? 'and more: name a part of what you seek\n' : ''}`
  },
})

export const resolveServer = verb({
  command: 'registry resolve',
  run(args) {
    const [word] = args.positionals
    if (word === undefined) return 'expected a server, such as com.example/weather, or one version of it'
    const at = word.indexOf('@')
    const version = at < 0 ? '' : `&version=${encodeURIComponent(word.slice(at + 1))}`
    return send(args, `/v1/resolve?name=${encodeURIComponent(at < 0 ? word : word.slice(0, at))}${version}`)
  },
  tell(body) {
    const signed = records(body['bundles']).map(({ kind, signer }) => `  ${text(kind)} ${text(signer)}\n`)
    const against = records(body['revocations']).map(
      ({ kind, target, reason, action }) => `  REVOKED (${text(action)}): ${text(kind)} ${text(target)}: ${text(reason)}\n`,
    )
    const pinned = body['isPinned'] === true ? ', pinned by this gateway' : ''
    const what = `${text(body['name'])} ${text(body['version'])} (sequence ${Number(body['sequence'])}): ${text(body['standing'])}${pinned}`
    return [`${what}\n`, ...(signed.length > 0 ? signed : ['  nobody signed it\n']), ...against].join('')
  },
})

export const diffVersions = verb({
  command: 'registry diff',
  run(args) {
    const [, name, version] = /^([^@]+)@(.+)$/.exec(args.positionals[0] ?? '') ?? []
    const from = args.text('from')
    if (name === undefined || version === undefined) return 'expected a version, such as com.example/weather@1.1.0'
    if (from === undefined) return 'expected --from: the version to compare it with'
    const path = `servers/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}/diff?from=${encodeURIComponent(from)}`
    return args.flag('waiting') ? send(args, `/v1/reviews/${path}`) : withHint(send(args, `/v1/${path}`))
  },
  tell(body) {
    const unread = body['isWhole'] === true ? '' : 'the definitions of both are not there: only digests were compared\n'
    // The registry made its text inert; a gateway that did not is not believed.
    return `${unread}${reviewText(inert(body) as SurfaceReview)}`
  },
})

/** The answer is the same for what is not there and what nobody may read yet. */
async function withHint(asked: Promise<ActAnswer>): Promise<ActAnswer> {
  const answer = await asked
  if (answer.ok || answer.error.reason !== 'registry-unknown') return answer
  return {
    ...answer,
    error: { fix: 'where the version waits for a reviewer, say --waiting (`gatehouse registry reviews` lists those)', ...answer.error },
  }
}

/** Every text in it as a terminal may have it. */
function inert(value: unknown): unknown {
  if (typeof value === 'string') return text(value)
  if (Array.isArray(value)) return value.map(inert)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inert(inner)]))
}
