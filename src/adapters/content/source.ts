// Where artifacts are fetched from: one configured source for each kind, and no other however it is asked.

import { Fault } from '../../kernel/errors.ts'
import { deny, isDenial, shown, type Denial } from '../../trust/denial.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import type { ServerPackage } from './server-package.ts'

/** Base URLs without a trailing slash; a kind without one is fetched from nowhere. */
export type ContentSources = {
  readonly npm?: string
  /** value of the Authorization header towards the npm registry */
  readonly npmAuthorization?: string
  readonly pypi?: string
  readonly oci?: string
  /** hosts (`name[:port]`) that MCPB files may be fetched from, redirects included */
  readonly mcpb: readonly string[]
  /** base URLs of registries that these sources stand for, without a trailing slash */
  readonly mirrorOf: readonly string[]
}

/** Bytes that may still be fetched, and until when; shared by the downloads of one installation. */
export type Budget = { bytes: number; readonly untilMs: number; readonly signal: AbortSignal; readonly stop: () => void }

export type Asked = {
  /** what is fetched, for details: a name that is safe to show */
  readonly what: string
  readonly maxBytes: number
  readonly timeoutMs: number
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * The base URL for a package. `registryBaseUrl` of server.json never chooses where something is fetched from: it has to be the configured one, or one
 * that is configured as mirrored by it (dependency confusion).
 */
export function baseOf(sources: ContentSources, kind: 'npm' | 'pypi' | 'oci', { registryBaseUrl }: ServerPackage): string | Denial {
  const base = sources[kind]
  if (base === undefined) return deny('source-absent', `no source for ${kind} is configured (\`registry.artifacts.${kind}\`)`)
  const wanted = registryBaseUrl?.replace(/\/+$/, '')
  if (wanted === undefined || wanted === base || sources.mirrorOf.includes(wanted)) return base
  return deny('source-other', `registryBaseUrl: ${shown(wanted)} is not the configured source`)
}

/** One GET. A redirect, a compressed answer and everything but 200 is no artifact. Never rejects. */
export async function download(fetch: SafeFetch, url: string, asked: Asked, budget: Budget): Promise<Buffer | Denial> {
  const answer = await answerOf(fetch, url, asked, budget)
  if (isDenial(answer)) return answer
  if (answer.status === 200) return answer.body
  const redirected = answer.status >= 300 && answer.status < 400 ? ', and redirects are not followed' : ''
  return deny('artifact-unreachable', `${asked.what}: its source answered ${answer.status}${redirected}`)
}

type Answer = { readonly status: number; readonly location?: string; readonly body: Buffer }

/** The same, with whatever status came. */
export async function answerOf(fetch: SafeFetch, url: string, asked: Asked, budget: Budget): Promise<Answer | Denial> {
  const { what, headers } = asked
  const leftMs = budget.untilMs - Date.now()
  const maxBytes = Math.min(asked.maxBytes, budget.bytes)
  if (leftMs <= 0) return deny('content-deadline', `${what}: everything together took too long`)
  if (maxBytes <= 0) return deny('archive-size', `${what}: everything together is too large`)
  try {
    const timeoutMs = Math.min(asked.timeoutMs, leftMs)
    const answer = await fetch.request(url, { maxBytes, timeoutMs, signal: budget.signal, ...(headers && { headers }) })
    budget.bytes -= answer.body.length
    // several are under way at once, each of which saw what was left
    if (budget.bytes < 0) return deny('archive-size', `${what}: everything together is too large`)
    const { location } = answer.headers
    return { status: answer.status, body: answer.body, ...(typeof location === 'string' && { location }) }
  } catch (error) {
    return denialOf(error, what)
  }
}

function denialOf(error: unknown, what: string): Denial {
  const code = error instanceof Fault ? error.code : ''
  if (code === 'fetch-too-large') return deny('archive-size', `${what}: it is larger than is taken`)
  if (code === 'fetch-timeout') return deny('artifact-unreachable', `${what}: its source sent no complete answer in time`)
  if (code === 'fetch-refused')
    return deny(
      'artifact-unreachable',
      `${what}: its source is at an address that is not fetched from (link-local, metadata, reserved, or private and not opened)`,
    )
  return deny('artifact-unreachable', `${what}: its source cannot be reached`)
}
