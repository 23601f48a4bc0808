// Helpers of the configuration tests: load a text as if it stood in a file.

import { loadText } from '../../src/config/load.ts'
import type { LoadOptions, LoadResult } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'

export const FILE = '/etc/gatehouse/gatehouse.yaml'

/** The least that loads. */
export const MINIMAL = 'version: 1\nidentity: { evaluation: { users: [{ name: alice }] } }\n'

/** What a gateway for others needs besides upstreams. */
export const EXPOSED = `version: 1
listen: 0.0.0.0:8400
publicUrl: https://gateway.example.com
trustedProxies: [10.0.0.0/8]
identity: { issuers: [{ issuer: 'https://login.example.com' }] }
operators: [root, second]
`

export const load = (text: string, options: LoadOptions = {}): Promise<LoadResult> =>
  loadText(Buffer.from(text), FILE, {
    env: {},
    ownUid: 1000,
    readSource: () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' })),
    ...options,
  })

export async function snapshot(text: string, options: LoadOptions = {}): Promise<Snapshot> {
  const result = await load(text, options)
  if (!result.ok) throw new Error(JSON.stringify(result.faults, null, 1))
  return result.snapshot
}

/** The faults as `line:column path code`. */
export async function faults(text: string, options: LoadOptions = {}): Promise<string[]> {
  const result = await load(text, options)
  return result.ok ? [] : result.faults.map(f => `${f.line}:${f.column} ${f.path} ${f.code}`)
}

/** The faults as one text, for messages. */
export async function words(text: string, options: LoadOptions = {}): Promise<string> {
  const result = await load(text, options)
  return result.ok ? '' : result.faults.map(f => `${f.path}: ${f.message}; ${f.fix ?? ''}`).join('\n')
}

/** The warnings as `path code`. */
export async function warnings(text: string, options: LoadOptions = {}): Promise<string[]> {
  return (await load(text, options)).warnings.map(w => `${w.path} ${w.code}`)
}
