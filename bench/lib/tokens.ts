// Who asks: CPU of recognising a token that was verified before, and what 100,000 different people leave behind in a gateway.

import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { createTokenKeys } from '../../src/adapters/tokens.ts'
import { createAuthenticator } from '../../src/identity/bearer.ts'
import type { IssuerRules } from '../../src/identity/claims.ts'
import { isStop } from '../../src/kernel/errors.ts'
import { startGateway } from './gateway.ts'
import { Inspector } from './inspector.ts'
import { ENVELOPE } from './messages.ts'
import { rssMb } from './proc.ts'
import { freePort } from './processes.ts'
import { median, round } from './stats.ts'
import { httpUpstream } from './targets.ts'

const ISSUER = 'https://issuer.bench.example'
const RESOURCE = 'https://gateway.bench.example/mcp'

export type Verification = {
  readonly what: string
  readonly tokenBytes: number
  /** different tokens in turn, all known */
  readonly tokens: number
  readonly cpuUs: number
}

/**
 * CPU of `authenticate` (src/identity/bearer.ts) with the keys of a file behind it (src/adapters/tokens.ts), for tokens it has verified. Each header is a string
 * of its own, as each request brings one: its digest is computed anew every time. First verifications (signature and claims) stand beside it.
 */
export async function measureVerification(rounds: number): Promise<Verification[]> {
  const out: Verification[] = []
  for (const algorithm of ['ES256', 'RS256'] as const) {
    for (const extraBytes of algorithm === 'ES256' ? [0, 3_000] : [0]) {
      for (const tokens of extraBytes === 0 ? [1, 1_000] : [1]) out.push(...(await verification({ algorithm, extraBytes, tokens, rounds })))
    }
  }
  return out
}

type Shape = { readonly algorithm: 'ES256' | 'RS256'; readonly extraBytes: number; readonly tokens: number; readonly rounds: number }

async function verification({ algorithm, extraBytes, tokens, rounds }: Shape): Promise<Verification[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  try {
    const { publicKey, privateKey } = await generateKeyPair(algorithm)
    const jwksFile = join(folder, 'jwks.json')
    writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: algorithm, use: 'sig' }] }))
    const keys = createTokenKeys({ issuers: [{ issuer: ISSUER, jwksFile }], fetch: createSafeFetch() })
    await keys.warm()
    const now = Math.floor(Date.now() / 1000)
    const mint = (index: number): Promise<string> =>
      new SignJWT({ client_id: 'bench', scope: 'mcp', groups: ['a', 'b'], ...(extraBytes > 0 && { more: 'x'.repeat(extraBytes) }) })
        .setProtectedHeader({ alg: algorithm, kid: 'bench', typ: 'at+jwt' })
        .setIssuer(ISSUER)
        .setSubject(`principal-${index}`)
        .setAudience(RESOURCE)
        .setIssuedAt(now)
        .setExpirationTime(now + 600)
        .sign(privateKey)
    const minted = await Promise.all(Array.from({ length: tokens }, (_, index) => mint(index)))
    const authenticator = createAuthenticator({ issuers: [rulesOf(algorithm)], verifier: keys })
    const first = await cpuOf(minted.length, async () => {
      for (const token of minted) if (isStop(await authenticator.authenticate(`Bearer ${token}`, RESOURCE, now))) throw new Error('refused')
    })
    const calls = 20_000
    const cpuUs: number[] = []
    for (let each = 0; each < rounds + 2; each += 1) {
      // Made before the clock starts, in the one-byte form that node:http gives header values.
      const headers = Array.from({ length: calls }, (_, i) => Buffer.from(`Bearer ${minted[i % tokens] ?? ''}`).toString('latin1'))
      const us = await cpuOf(calls, () => {
        for (const header of headers) if (!('key' in authenticator.authenticate(header, RESOURCE, now))) throw new Error('not known')
      })
      if (each >= 2) cpuUs.push(us)
    }
    const tokenBytes = minted[0]?.length ?? 0
    return [
      { what: `${algorithm}, known`, tokenBytes, tokens, cpuUs: round(median(cpuUs)) },
      ...(tokens > 1 ? [{ what: `${algorithm}, first time`, tokenBytes, tokens, cpuUs: round(first, 1) }] : []),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Microseconds of this process's CPU, all threads, for each of `times`. */
async function cpuOf(times: number, work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

const rulesOf = (algorithm: string): IssuerRules => ({
  issuer: ISSUER,
  algorithms: [algorithm],
  types: ['at+jwt'],
  subjectClaim: 'sub',
  groupsClaim: 'groups',
  grant: [{ everyone: true, groups: [], scopes: [], clients: [], subjects: [], give: ['*'] }],
  clockSkewSeconds: 30,
  maxTokenSeconds: 900,
})

export type Principals = {
  readonly principals: number
  /** before anybody, and after each tenth */
  readonly rssMb: readonly number[]
  /** used heap after a full collection, before and after */
  readonly heapMb: readonly [number, number]
  /** entries of the largest maps and sets of the process, before and after, largest first */
  readonly before: readonly number[]
  readonly after: readonly number[]
}

const CALLERS = 32

/** So many people, each once: a tools/call and a tools/list with a token of their own, per-principal connections and lists as the product has them by default. */
export async function measurePrincipals(count: number): Promise<Principals> {
  const upstream = await httpUpstream({ era: 'modern', transport: 'http', tools: 10 })
  const port = await freePort()
  const gateway = await startGateway({
    upstreams: { bench: { era: 'modern', at: upstream, share: 'principal', lists: 'principal' } },
    principals: count,
    nodeArgs: [`--inspect=127.0.0.1:${port}`],
  })
  try {
    const inspector = await Inspector.open(port)
    const start = await stateOf(inspector)
    const rss = [rssMb(gateway.pid)]
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const from = Math.floor((count * tenth) / 10)
      await visit(gateway.url, gateway.headers.slice(from, Math.floor((count * (tenth + 1)) / 10)))
      rss.push(rssMb(gateway.pid))
    }
    const end = await stateOf(inspector)
    inspector.close()
    return {
      principals: count,
      rssMb: rss.map(mb => round(mb, 0)),
      heapMb: [start.heapMb, end.heapMb],
      before: start.entries,
      after: end.entries,
    }
  } finally {
    await gateway.stop()
    await upstream.stop()
  }
}

async function visit(url: string, people: readonly Readonly<Record<string, string>>[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS })
  let next = 0
  const caller = async (): Promise<void> => {
    for (let at = next++; at < people.length; at = next++) {
      await ask(url, agent, people[at]!, { method: 'tools/call', name: 'echo', params: { name: 'echo', arguments: { text: 'x' } } })
      await ask(url, agent, people[at]!, { method: 'tools/list', params: {} })
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  agent.destroy()
}

type Asked = { readonly method: string; readonly name?: string; readonly params: object }

function ask(url: string, agent: Agent, own: Readonly<Record<string, string>>, { method, name, params }: Asked): Promise<void> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: ENVELOPE } })
  const headers = {
    ...own,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(name !== undefined && { 'mcp-name': name }),
  }
  return new Promise((resolve, reject) => {
    const req = request(url, { method: 'POST', agent, headers }, res => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('end', () =>
        res.statusCode === 200 && text.includes('"result"') ? resolve() : reject(new Error(`${res.statusCode} ${text.slice(0, 300)}`)),
      )
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(body)
  })
}

/** After a full collection: used heap, and how many entries the largest maps and sets have. */
async function stateOf(inspector: Inspector): Promise<{ readonly heapMb: number; readonly entries: readonly number[] }> {
  await inspector.send('HeapProfiler.collectGarbage')
  const { usedSize } = (await inspector.send('Runtime.getHeapUsage')) as { usedSize: number }
  const entries: number[] = []
  for (const kind of ['Map', 'Set']) {
    const { result } = (await inspector.send('Runtime.evaluate', { expression: `${kind}.prototype` })) as { result: { objectId: string } }
    const { objects } = (await inspector.send('Runtime.queryObjects', { prototypeObjectId: result.objectId })) as {
      objects: { objectId: string }
    }
    const sizes = (await inspector.send('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: `function () { return this.map(one => { try { return one.size } catch { return 0 } }).sort((a, b) => b - a).slice(0, 12) }`,
      returnByValue: true,
    })) as { result: { value: number[] } }
    entries.push(...sizes.result.value)
    await inspector.send('Runtime.releaseObject', { objectId: objects.objectId })
  }
  return { heapMb: round(usedSize / 2 ** 20, 1), entries: entries.sort((a, b) => b - a).slice(0, 12) }
}
