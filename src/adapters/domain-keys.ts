// What domains publish about their keys: TXT records, or one file over https. Strangers name these domains, so nothing the configuration opens for itself is open to them.

import { Resolver } from 'node:dns/promises'
import { Fault } from '../kernel/errors.ts'
import type { DomainKeys } from '../registry/namespace.ts'
import { createSafeFetch, type SafeFetch } from './safe-fetch.ts'

const MAX_RECORDS = 16
const MAX_RECORD = 512
const MAX_FILE_BYTES = 4096
const PATH = '/.well-known/mcp-registry-auth'

export type DomainKeysOptions = {
  /** for tests; default the system's resolver, five seconds */
  readonly resolveTxt?: (domain: string) => Promise<readonly (readonly string[])[]>
  /** for tests; default: public addresses alone, no redirects, 4 KiB */
  readonly fetch?: Pick<SafeFetch, 'get'>
}

export function createDomainKeys(options: DomainKeysOptions = {}): DomainKeys {
  const resolver = new Resolver({ timeout: 5_000, tries: 1 })
  const resolveTxt = options.resolveTxt ?? ((domain: string) => resolver.resolveTxt(domain))
  const fetch = options.fetch ?? createSafeFetch({ maxBytes: MAX_FILE_BYTES, timeoutMs: 10_000 })
  return {
    async read(domain, method) {
      const texts = method === 'dns' ? await txtOf(resolveTxt, domain) : await fileOf(fetch, domain)
      // A domain has other records too; those that could be ours are few.
      return texts.filter(text => text.length <= MAX_RECORD && text.startsWith('v=MCPv1')).slice(0, MAX_RECORDS)
    },
  }
}

/** The name is gone, or has no such records: that is an answer. */
const NOTHING = ['ENOTFOUND', 'ENODATA']
async function txtOf(resolveTxt: NonNullable<DomainKeysOptions['resolveTxt']>, domain: string): Promise<readonly string[]> {
  try {
    return (await resolveTxt(domain)).map(parts => parts.join(''))
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOTHING.includes(String(error.code))) return []
    throw new Fault('fetch-failed', 'the domain’s records cannot be read', { cause: error })
  }
}

async function fileOf(fetch: Pick<SafeFetch, 'get'>, domain: string): Promise<readonly string[]> {
  const { status, body } = await fetch.get(`https://${domain}${PATH}`, 'text/plain')
  if (status === 404 || status === 410) return []
  if (status !== 200) throw new Fault('fetch-failed', `expected status 200, got ${status}`)
  return body.toString('utf8').split(/\r?\n/)
}
