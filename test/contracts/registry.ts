// What stores of the registry promise, whatever they are made of. `reopen` = what a restart finds.

import { hash } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type {
  Attestation,
  Entry,
  Publication,
  RevocationLog,
  StandingChange,
  StandingStore,
  VersionStore,
} from '../../src/registry/store.ts'
import type { DocumentStore, StoredDocument } from '../../src/registry/documents.ts'
import type { Standing } from '../../src/registry/standing.ts'

export type Stores = {
  readonly versions: VersionStore
  readonly standings: StandingStore
  readonly revocations: RevocationLog
  readonly documents: DocumentStore
  reopen(): Promise<void>
  dispose(): Promise<void>
}

const ALICE = 'https://idp.example alice' as PrincipalKey
const HEX = 'a'.repeat(64)
const bundle = (digest: string, kind: Attestation['kind'] = 'publisher'): Attestation => ({
  digest: digest.repeat(64),
  kind,
  bundle: '{}',
  signer: 'https://signer.example',
})
const ARTIFACTS = ['pkg:npm/a@1', 'pkg:npm/b@1'].map(identifier => ({ identifier, algorithm: 'sha512', digest: 'c'.repeat(128) }) as const)
export const publication = (name: string, version: string, more: Partial<Publication> = {}): Publication => ({
  name,
  namespace: name.split('/')[0] ?? '',
  version,
  serverJson: `{"name":"${name}","description":"d","version":"${version}"}`,
  digest: HEX,
  search: name.toLowerCase(),
  publishedBy: ALICE,
  atSeconds: 100,
  artifacts: [],
  attestations: [],
  standing: 'admitted',
  ...more,
})
export const documentOf = (kind: StoredDocument['kind'], text: string, signed = hash('sha256', text)): StoredDocument => ({
  kind,
  signed,
  sha256: hash('sha256', text),
  content: Buffer.from(text),
})
const to = (standing: Standing, name: string, version?: string, more: Partial<StandingChange> = {}): StandingChange => ({
  name,
  ...(version !== undefined && { version }),
  to: standing,
  by: ALICE,
  atSeconds: 200,
  ...more,
})
const names = (entries: readonly Entry[]): string[] => entries.map(({ name, version }) => `${name}@${version}`)
const plain = { limit: 100, withRevoked: false } as const

export function registryContract(title: string, open: () => Promise<Stores>): void {
  describe(title, () => {
    let stores: Stores
    const publish = async (name: string, version: string, more: Partial<Publication> = {}): Promise<Entry> => {
      const kept = await stores.versions.publish(publication(name, version, more))
      if (typeof kept === 'string') throw new Error(kept)
      return kept
    }
    beforeEach(async () => {
      stores = await open()
      return () => stores.dispose()
    })

    it('keeps a version over a restart, with what was verified of it', async () => {
      const artifact = { identifier: 'pkg:npm/weather@1.0.0', algorithm: 'sha512', digest: 'b'.repeat(128) } as const
      await publish('com.example/Weather', '1.0.0', { attestations: [bundle('b')], artifacts: [artifact], standing: 'quarantined' })
      await stores.reopen()
      expect(await stores.versions.find('com.example/Weather', '1.0.0')).toEqual({
        name: 'com.example/Weather',
        version: '1.0.0',
        sequence: 1,
        serverJson: '{"name":"com.example/Weather","description":"d","version":"1.0.0"}',
        digest: HEX,
        publishedAtSeconds: 100,
        standing: 'quarantined',
        changedAtSeconds: 100,
        isLatest: false,
        isSigned: true,
      })
      expect(await stores.versions.evidence('com.example/weather', '1.0.0')).toEqual({ attestations: [bundle('b')], artifacts: [artifact] })
    })
    it('knows a server in whatever case, and shows it in its own', async () => {
      await publish('com.example/Weather', '1.0.0')
      await publish('COM.example/weather', '1.0.1')
      expect((await stores.versions.find('com.EXAMPLE/weather', '1.0.1'))?.name).toBe('com.example/Weather')
      expect(await stores.standings.server('com.example/WEATHER')).toEqual({ name: 'com.example/Weather' })
      expect(await stores.standings.server('com.example/other')).toBeUndefined()
    })
    it('keeps a version once, whatever comes later under its name, and counts without gaps', async () => {
      const first = await publish('com.example/weather', '1.0.0')
      expect(
        await stores.versions.publish(publication('com.example/weather', '1.0.0', { serverJson: '{"evil":1}', digest: 'e'.repeat(64) })),
      ).toBe('exists')
      expect(await stores.versions.publish(publication('COM.EXAMPLE/weather', '1.0.0'))).toBe('exists')
      expect(await stores.versions.find('com.example/weather', '1.0.0')).toEqual(first)
      expect((await publish('com.example/weather', '0.9.0')).sequence).toBe(2)
      expect((await publish('com.example/other', '0.9.0')).sequence).toBe(1)
    })
    it('takes a sequence number that a statement names only where it is the next', async () => {
      expect(await stores.versions.publish(publication('com.example/weather', '1.0.0', { sequence: 2 }))).toBe('sequence')
      expect(await stores.standings.server('com.example/weather')).toBeUndefined()
      expect((await publish('com.example/weather', '1.0.0', { sequence: 1 })).sequence).toBe(1)
      expect(await stores.versions.publish(publication('com.example/weather', '2.0.0', { sequence: 1 }))).toBe('sequence')
    })
    it('keeps exactly one of many publications of one version at once', async () => {
      const all = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          stores.versions.publish(publication('com.example/weather', '1.0.0', { digest: String(i).repeat(64) })),
        ),
      )
      expect(all.filter(done => done === 'exists')).toHaveLength(7)
      expect(await stores.versions.versions('com.example/weather', { withRevoked: true, withQuarantined: true, limit: 9 })).toHaveLength(1)
    })

    it('shows what is served, and never what is quarantined', async () => {
      await publish('com.example/b', '1.0.0')
      await publish('com.example/A', '1.0.0')
      await publish('com.example/A', '2.0.0', { standing: 'quarantined' })
      await publish('com.example/a', '3.0.0')
      await stores.standings.change(to('revoked', 'com.example/a', '3.0.0', { message: 'malware' }), ['admitted'])
      expect(names(await stores.versions.page(plain))).toEqual(['com.example/A@1.0.0', 'com.example/b@1.0.0'])
      expect(names(await stores.versions.page({ ...plain, withRevoked: true }))).toEqual([
        'com.example/A@1.0.0',
        'com.example/A@3.0.0',
        'com.example/b@1.0.0',
      ])
      const which = { withRevoked: false, withQuarantined: false }
      expect(names(await stores.versions.versions('com.example/a', { ...which, limit: 9 }))).toEqual(['com.example/A@1.0.0'])
      expect(names(await stores.versions.versions('com.example/a', { withRevoked: true, withQuarantined: true, limit: 9 }))).toEqual([
        'com.example/A@3.0.0',
        'com.example/A@2.0.0',
        'com.example/A@1.0.0',
      ])
    })
    it('calls latest the highest of what is served, and the next one when that is withdrawn', async () => {
      const latest = async (): Promise<string | undefined> => (await stores.versions.find('com.example/a', 'latest'))?.version
      await publish('com.example/a', 'nightly')
      expect(await latest()).toBe('nightly')
      await publish('com.example/a', '1.10.0')
      await publish('com.example/a', '1.9.0')
      await publish('com.example/a', '2.0.0-rc.1')
      await publish('com.example/a', '9.0.0', { standing: 'quarantined' })
      expect(await latest()).toBe('2.0.0-rc.1')
      await stores.standings.change(to('revoked', 'com.example/a', '2.0.0-rc.1'), ['admitted'])
      expect(await latest()).toBe('1.10.0')
      await stores.standings.change(to('deprecated', 'com.example/a', '1.10.0'), ['admitted'])
      expect(await latest()).toBe('1.10.0')
      await stores.standings.change(to('admitted', 'com.example/a', '9.0.0'), ['quarantined'])
      expect(names(await stores.versions.page({ ...plain, version: 'latest' }))).toEqual(['com.example/a@9.0.0'])
      expect((await stores.versions.page({ ...plain, version: '1.9.0' }))[0]?.isLatest).toBe(false)
    })
    it('goes on where a page ended, in both orders, and misses nothing that changed meanwhile', async () => {
      for (const name of ['c', 'B', 'a'])
        for (const version of ['1.0.0', '2.0.0']) await publish(`com.example/${name}`, version, { atSeconds: 100 })
      const walk = async (sinceSeconds?: number): Promise<string[]> => {
        const seen: string[] = []
        let last: Entry | undefined
        do {
          const after = last && { server: last.name, sequence: last.sequence, changedAtSeconds: last.changedAtSeconds }
          const page = await stores.versions.page({
            limit: 2,
            withRevoked: false,
            ...(after && { after }),
            ...(sinceSeconds !== undefined && { sinceSeconds }),
          })
          seen.push(...names(page))
          last = page.at(-1)
        } while (last)
        return seen
      }
      expect(await walk()).toEqual(['a@1.0.0', 'a@2.0.0', 'B@1.0.0', 'B@2.0.0', 'c@1.0.0', 'c@2.0.0'].map(n => `com.example/${n}`))
      await stores.standings.change(to('revoked', 'com.example/a', '1.0.0', { atSeconds: 300 }), ['admitted'])
      await stores.standings.change(to('deprecated', 'com.example/c', '2.0.0', { atSeconds: 200 }), ['admitted'])
      expect(await walk(101)).toEqual(['com.example/c@2.0.0', 'com.example/a@1.0.0'])
      expect(await walk(301)).toEqual([])
    })
    it('seeks by what a search names, as text and not as a pattern, and within a view', async () => {
      await publish('com.example/weather', '1.0.0', { search: 'com.example/weather\nweather, 100% of it' })
      await publish('com.example/files', '1.0.0')
      await publish('com.other/weather', '1.0.0')
      const found = async (search: string): Promise<string[]> => names(await stores.versions.page({ ...plain, search }))
      expect(await found('weather')).toEqual(['com.example/weather@1.0.0', 'com.other/weather@1.0.0'])
      expect(await found('100%')).toEqual(['com.example/weather@1.0.0'])
      for (const text of ['%', "' OR 1=1 --", 'w_ather', '.*']) expect((await found(text)).length).toBe(text === '%' ? 1 : 0)
      const view = { servers: ['com.other/weather'], namespaces: [] }
      expect(names(await stores.versions.page({ ...plain, view }))).toEqual(['com.other/weather@1.0.0'])
      expect(names(await stores.versions.page({ ...plain, view: { servers: [], namespaces: ['com.example'] }, search: 'files' }))).toEqual([
        'com.example/files@1.0.0',
      ])
      expect(await stores.versions.page({ ...plain, view: { servers: [], namespaces: [] } })).toEqual([])
    })

    it('changes from what was read alone, once, and writes down each change', async () => {
      await publish('com.example/a', '1.0.0')
      await publish('com.example/a', '2.0.0')
      await publish('com.example/a', '3.0.0', { standing: 'quarantined' })
      const deprecate = to('deprecated', 'com.example/A', undefined, { message: 'move on' })
      expect(
        await Promise.all([stores.standings.change(deprecate, ['admitted']), stores.standings.change(deprecate, ['admitted'])]),
      ).toEqual([2, 0])
      expect(await stores.standings.change(to('admitted', 'com.example/a', '1.0.0', { atSeconds: 201 }), ['deprecated'])).toBe(1)
      expect(await stores.standings.change(to('admitted', 'com.example/a', '7.0.0'), ['deprecated'])).toBe(0)
      await stores.reopen()
      expect(await stores.versions.find('com.example/a', '2.0.0')).toMatchObject({
        standing: 'deprecated',
        message: 'move on',
        changedAtSeconds: 200,
      })
      const found = await stores.versions.find('com.example/a', '1.0.0')
      expect([found?.standing, found?.message]).toEqual(['admitted', undefined])
      expect((await stores.standings.history('com.example/a')).map(({ version, standing }) => `${version} ${standing}`)).toEqual([
        '1.0.0 admitted',
        '2.0.0 admitted',
        '3.0.0 quarantined',
        '1.0.0 deprecated',
        '2.0.0 deprecated',
        '1.0.0 admitted',
      ])
    })
    it('lets nobody but an operator undo what an operator deprecated, and everybody withdraw it', async () => {
      for (const version of ['1.0.0', '2.0.0']) await publish('com.example/a', version)
      const byOperator = { byOperator: true }
      await stores.standings.change(to('deprecated', 'com.example/a', '1.0.0', byOperator), ['admitted'])
      await stores.standings.change(to('deprecated', 'com.example/a', '2.0.0'), ['admitted'])
      await stores.reopen()
      expect(await stores.versions.find('com.example/a', '1.0.0')).toMatchObject(byOperator)
      expect(await stores.versions.find('com.example/a', '2.0.0')).not.toHaveProperty('byOperator')
      expect(await stores.standings.change(to('admitted', 'com.example/a'), ['deprecated'])).toBe(1)
      expect(await stores.standings.change(to('admitted', 'com.example/a', '1.0.0'), ['deprecated'])).toBe(0)
      expect(await stores.standings.change(to('admitted', 'com.example/a', '1.0.0', byOperator), ['deprecated'])).toBe(1)
      await stores.standings.change(to('deprecated', 'com.example/a', '1.0.0', byOperator), ['admitted'])
      expect(await stores.standings.change(to('revoked', 'com.example/a', '1.0.0'), ['deprecated'])).toBe(1)
    })
    it('gives versions in pages, newest first', async () => {
      for (let i = 1; i <= 5; i++) await publish('com.example/a', `1.0.${i}`, { standing: i === 3 ? 'quarantined' : 'admitted' })
      const which = { withRevoked: true, withQuarantined: false, limit: 2 }
      const first = await stores.versions.versions('com.example/A', which)
      expect(names(first)).toEqual(['com.example/a@1.0.5', 'com.example/a@1.0.4'])
      const rest = await stores.versions.versions('com.example/a', { ...which, before: first[1]?.sequence ?? 0 })
      expect(names(rest)).toEqual(['com.example/a@1.0.2', 'com.example/a@1.0.1'])
      expect(await stores.versions.versions('com.example/a', { ...which, before: 1 })).toEqual([])
    })
    it('lists what waits for a reviewer, and nothing else, in the order it came', async () => {
      await publish('com.example/b', '1.0.0', { standing: 'quarantined', atSeconds: 30 })
      await publish('com.example/a', '1.0.0', { standing: 'quarantined', atSeconds: 20 })
      await publish('com.example/c', '1.0.0', { atSeconds: 10 })
      await publish('com.example/a', '2.0.0', { standing: 'quarantined', atSeconds: 40 })
      const waiting = { ...plain, waiting: true } as const
      const all = await stores.versions.page(waiting)
      expect(names(all)).toEqual(['com.example/a@1.0.0', 'com.example/b@1.0.0', 'com.example/a@2.0.0'])
      const after = { server: 'com.example/b', sequence: 1, changedAtSeconds: 30 }
      expect(names(await stores.versions.page({ ...waiting, after }))).toEqual(['com.example/a@2.0.0'])
      await stores.standings.change(to('admitted', 'com.example/b', '1.0.0'), ['quarantined'])
      expect(names(await stores.versions.page(waiting))).toEqual(['com.example/a@1.0.0', 'com.example/a@2.0.0'])
    })
    it('finds what speaks against something: names without case, everything else as it is', async () => {
      const revoke = (kind: 'version' | 'namespace' | 'key' | 'bundle', target: string) =>
        stores.revocations.append({ kind, target, reason: 'policy', action: 'warn', by: ALICE, atSeconds: 5 })
      const [version, namespace, key] = [
        await revoke('version', 'com.Example/A@1.0.0-rc'),
        await revoke('namespace', 'com.Example'),
        await revoke('key', 'aBc='),
      ]
      await revoke('bundle', 'com.example')
      await stores.reopen()
      const touching = (...targets: [typeof version.kind, string][]) =>
        stores.revocations.touching(targets.map(([kind, target]) => ({ kind, target })))
      expect(await touching(['key', 'aBc='], ['version', 'COM.example/a@1.0.0-rc'], ['namespace', 'com.example'])).toEqual([
        version,
        namespace,
        key,
      ])
      expect(await touching(['key', 'abc='], ['version', 'com.example/a@1.0.0-RC'], ['namespace', 'com.example.x'])).toEqual([])
      expect(await touching()).toEqual([])
    })
    it('never brings back what is revoked (N140)', async () => {
      await publish('com.example/a', '1.0.0')
      await stores.standings.change(to('revoked', 'com.example/a'), ['admitted'])
      const back = stores.standings.change(to('admitted', 'com.example/a', '1.0.0'), ['revoked', 'admitted'])
      await back.catch(() => undefined)
      await stores.reopen()
      expect((await stores.versions.find('com.example/a', '1.0.0'))?.standing).toBe('revoked')
    })

    it('keeps each further bundle once', async () => {
      await publish('com.example/a', '1.0.0', { attestations: [bundle('b')] })
      expect(await stores.versions.attest('com.example/A', '1.0.0', { attestation: bundle('b'), artifacts: [], atSeconds: 101 })).toBe(
        false,
      )
      expect(
        await stores.versions.attest('com.example/A', '1.0.0', {
          attestation: bundle('c', 'review'),
          artifacts: ARTIFACTS,
          atSeconds: 102,
        }),
      ).toBe(true)
      await expect(
        stores.versions.attest('com.example/a', '9.0.0', { attestation: bundle('c'), artifacts: [], atSeconds: 102 }),
      ).rejects.toThrow()
      await stores.reopen()
      await stores.versions.attest('com.example/a', '1.0.0', { attestation: bundle('d'), artifacts: ARTIFACTS.slice(0, 1), atSeconds: 103 })
      expect(await stores.versions.evidence('com.example/a', '1.0.0')).toEqual({
        attestations: [bundle('b'), bundle('c', 'review'), bundle('d')],
        artifacts: ARTIFACTS,
      })
    })

    it('keeps documents with their version, each once, byte for byte, and counts them for their namespace', async () => {
      const lock = documentOf('lock:package-lock.json', '{"lock":"\u0000\u{1f600}"}')
      const surface = documentOf('surface', '{"tools":{}}')
      const behind = documentOf('definitions', '{"tools":{}}', surface.signed) // the same bytes as another kind
      await publish('com.example/A', '1.0.0', { documents: [surface, lock] })
      await publish('com.other/b', '1.0.0', { documents: [lock] })
      const more = { attestation: bundle('d'), artifacts: [], atSeconds: 101 }
      await stores.versions.attest('com.example/a', '1.0.0', { ...more, documents: [lock, behind] })
      await stores.versions.attest('com.example/a', '1.0.0', { ...more, documents: [behind] })
      await stores.reopen()
      const info = ({ content, ...rest }: StoredDocument): object => ({ ...rest, bytes: content.length })
      expect(await stores.documents.documents('com.example/a', '1.0.0')).toEqual([surface, lock, behind].map(info))
      expect(await stores.documents.document('COM.example/a', '1.0.0', lock.sha256)).toEqual(lock)
      expect(await stores.documents.document('com.example/a', '2.0.0', lock.sha256)).toBeUndefined()
      expect(await stores.documents.document('com.example/a', '1.0.0', 'f'.repeat(64))).toBeUndefined()
      const { serverJson } = publication('com.example/A', '1.0.0')
      const kept = 1024 + serverJson.length + more.attestation.bundle.length
      expect(await stores.documents.usedBytes('COM.example')).toBe(kept + lock.content.length + 2 * surface.content.length)
      expect(await stores.documents.usedBytes('com.nobody')).toBe(0)
    })

    it('holds a look-alike until a reviewer clears it, once', async () => {
      await publish('com.example/weather', '1.0.0')
      await publish('com.exarnple/weather', '1.0.0', { looksLike: 'com.example/weather', standing: 'quarantined' })
      expect(await stores.standings.server('com.exarnple/weather')).toEqual({
        name: 'com.exarnple/weather',
        looksLike: 'com.example/weather',
      })
      await publish('com.exarnple/weather', '1.0.1', { standing: 'quarantined' })
      expect((await stores.standings.server('com.exarnple/weather'))?.looksLike).toBe('com.example/weather')
      expect(await stores.standings.clear('com.exarnple/weather', ALICE)).toBe(true)
      expect(await stores.standings.clear('com.exarnple/weather', ALICE)).toBe(false)
      expect(await stores.standings.clear('com.example/weather', ALICE)).toBe(false)
      await stores.reopen()
      expect(await stores.standings.server('com.exarnple/weather')).toEqual({ name: 'com.exarnple/weather' })
      expect([...(await stores.standings.servers('com.example/weather'.length))].sort()).toEqual(
        ['com.example/weather', 'com.exarnple/weather'].sort(),
      )
      expect(await stores.standings.servers(5)).toEqual([])
    })

    it('appends revocations, each behind the last', async () => {
      const one = { kind: 'version', target: 'com.example/a@1.0.0', reason: 'malware', action: 'block', by: ALICE, atSeconds: 5 } as const
      const first = await stores.revocations.append(one)
      const second = await stores.revocations.append({ ...one, kind: 'key', target: 'k', notBeforeSeconds: 4 })
      await stores.reopen()
      expect(second.sequence).toBeGreaterThan(first.sequence)
      expect(await stores.revocations.since(0, 10)).toEqual([first, second])
      expect(await stores.revocations.since(0, 1)).toEqual([first])
      await stores.revocations.append({ ...one, action: 'warn' })
      expect(await stores.revocations.blocking('version')).toEqual([first])
      expect(await stores.revocations.blocking('key')).toEqual([second])
      expect(await stores.revocations.blocking('bundle')).toEqual([])
      expect(await stores.revocations.since(first.sequence, 1)).toEqual([
        { ...one, kind: 'key', target: 'k', notBeforeSeconds: 4, sequence: second.sequence },
      ])
    })
  })
}
