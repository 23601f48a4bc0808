// Publishing as the room decides it: who, what, what vouches for it, and where it ends up.

import { hash } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { documentReaders } from '../../src/adapters/registry-documents.ts'
import { loadServerJsonSchema } from '../../src/adapters/registry-schema.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { isStop, type Stop } from '../../src/kernel/errors.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { Actor } from '../../src/registry/actor.ts'
import type { Advised } from '../../src/registry/advisories/book.ts'
import { MAX_ATTESTATIONS } from '../../src/registry/attest.ts'
import { Publisher } from '../../src/registry/publish.ts'
import type { Vouched } from '../../src/registry/vouching.ts'
import type { Namespace } from '../../src/registry/namespace.ts'
import type { Entry } from '../../src/registry/store.ts'
import { memoryRegistry, type MemoryRegistry } from '../support/memory-registry.ts'

const checkSchema = loadServerJsonSchema()
const ALICE: Actor = { key: 'https://idp.example alice' as PrincipalKey, isOperator: false }
const ROOT: Actor = { key: 'https://idp.example root' as PrincipalKey, isOperator: true }
const NOBODY: Actor = { key: 'https://idp.example nobody' as PrincipalKey, isOperator: false }

const serverJson = (name = 'com.example/weather', version = '1.0.0', more: object = {}): string =>
  JSON.stringify({ name, description: 'Weather.', version, ...more })
const FORBIDDEN: Stop = { stop: 'namespace-forbidden' }

let registry: MemoryRegistry
let publisher: Publisher
/** What the verification says, by what the bundle is; `asked`: what it was asked about. */
let asked: object[]
/** namespaces that were frozen or thawed */
let states: string[]
const SURFACE = '{"instructions":null,"mode":"subset","prompts":{},"resourceTemplates":{},"resources":{},"tools":{}}'
const DOCUMENTS = {
  surface: { digest: hash('sha256', SURFACE) },
  locks: new Map([['package-lock.json', hash('sha256', 'lock')]]),
}
const PUBLISHER: Vouched = {
  kind: 'publisher',
  signer: 'key 1',
  sequence: 1,
  artifacts: [{ identifier: 'pkg:npm/a@1', algorithm: 'sha512', digest: 'ab' }],
  ...DOCUMENTS,
}
const SAYS: Record<string, Vouched | Stop> = {
  '{"publisher":1}': PUBLISHER,
  '{"publisher":2}': { ...PUBLISHER, sequence: 2 },
  '{"review":1}': { kind: 'review', signer: 'https://reviewers.example (key 2)', artifacts: PUBLISHER.artifacts, ...DOCUMENTS },
}
const OTHER_BYTES = '{"review":"other bytes"}'
SAYS[OTHER_BYTES] = {
  kind: 'review',
  signer: 'r',
  artifacts: [{ identifier: 'pkg:npm/a@1', algorithm: 'sha512', digest: 'cd' }],
  ...DOCUMENTS,
}
const FORGED = '{"forged":1}'
let now = 100
let namespaceNow: Namespace
/** everything of one namespace */
let quota = 1e9
/** what others do while a bundle is verified */
let meanwhile: () => void
let advised: readonly Advised[]
let policy: 'refuse' | 'warn'
const freeze = (): void => void (namespaceNow = { ...namespaceNow, state: 'frozen' })
beforeEach(() => {
  namespaceNow = { name: 'com.example', state: 'active', proof: 'dns', provedAtSeconds: 0, members: [] }
  meanwhile = () => {}
  advised = []
  policy = 'refuse'
  registry = memoryRegistry()
  asked = []
  states = []
  now = 100
  quota = 1e9
  publisher = publisherOf()
})
const publisherOf = (): Publisher =>
  new Publisher({
    checkSchema,
    ...registry,
    readers: documentReaders,
    maxNamespaceBytes: () => quota,
    advisories: { advisoriesAgainst: () => Promise.resolve(advised) },
    vulnerable: () => policy,
    mirrored: { find: () => Promise.resolve(undefined), local: () => Promise.resolve([]) },
    namespaces: {
      list: () => Promise.resolve([namespaceNow]),
      find: name => Promise.resolve(name === 'com.nobody' ? undefined : namespaceNow),
      setState: (name, state) => {
        states.push(`${name} ${state}`)
        return Promise.resolve(undefined)
      },
      whyNotPublisher: (name, by) =>
        Promise.resolve(
          namespaceNow.state === 'active' && by === ALICE.key && ['com.example', 'com.exarnple', 'com.other'].includes(name.toLowerCase())
            ? undefined
            : FORBIDDEN,
        ),
    },
    verify: (bundle, about) => {
      asked.push(about)
      meanwhile()
      return Promise.resolve(SAYS[bundle] ?? { stop: 'attestation-invalid', detail: 'signature-content: no' })
    },
    nowSeconds: () => ++now,
  })
const publish = (json = serverJson(), bundles?: readonly string[], by = ALICE) =>
  publisher.publish({ serverJson: json, ...(bundles && { bundles }) }, by)
const kept = (done: Entry | Stop): Entry => {
  if (isStop(done)) throw new Error(`${done.stop}: ${done.detail ?? ''}`)
  return done
}

describe('publishing', () => {
  it('without a bundle lands in quarantine, whatever server.json says of itself', async () => {
    expect(kept(await publish())).toMatchObject({ standing: 'quarantined', sequence: 1, isSigned: false, isLatest: false })
    expect(asked).toEqual([])
  })
  it('with a publisher’s bundle is signed, and still waits for a reviewer', async () => {
    const json = serverJson()
    expect(kept(await publish(json, ['{"publisher":1}']))).toMatchObject({ standing: 'quarantined', isSigned: true })
    const digest = hash('sha256', canonicalJsonOf(json) ?? '')
    expect(asked).toEqual([{ name: 'com.example/weather', version: '1.0.0', serverJson: json, digest }])
    expect(await registry.versions.evidence('com.example/weather', '1.0.0')).toEqual({
      attestations: [{ digest: hash('sha256', '{"publisher":1}'), kind: 'publisher', bundle: '{"publisher":1}', signer: 'key 1' }],
      artifacts: PUBLISHER.artifacts,
    })
  })
  it('with a reviewer’s bundle is admitted', async () => {
    expect(kept(await publish(serverJson(), ['{"publisher":1}', '{"review":1}', '{"review":1}']))).toMatchObject({
      standing: 'admitted',
      isLatest: true,
    })
    const { attestations, artifacts } = await registry.versions.evidence('com.example/weather', '1.0.0')
    expect([attestations.length, artifacts.length]).toEqual([2, 1])
  })
  it('keeps nothing when one of its bundles does not verify (attack 10), or there is none where one is needed', async () => {
    expect(await publish(serverJson(), ['{"publisher":1}', FORGED])).toMatchObject({ stop: 'attestation-invalid' })
    expect(await publish(serverJson(), [])).toMatchObject({ stop: 'attestation-required' })
    expect(await publish(serverJson(), ['{}', '{}', '{}', '{}', '{}'])).toMatchObject({ stop: 'params-invalid' })
    expect(await publish(serverJson(), [`"${'x'.repeat(262_200)}"`])).toMatchObject({ stop: 'attestation-invalid' })
    expect(await registry.standings.server('com.example/weather')).toBeUndefined()
  })
  it('keeps no statements that contradict each other: the package of one with the review of another (attack 4)', async () => {
    const refused = { stop: 'attestation-invalid', detail: 'statements name `pkg:npm/a@1` by two digests' }
    expect(await publish(serverJson(), ['{"publisher":1}', OTHER_BYTES])).toMatchObject(refused)
    kept(await publish(serverJson(), ['{"publisher":1}']))
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: OTHER_BYTES }, ROOT)).toMatchObject(refused)
    kept(await publish(serverJson('com.example/weather', '2.0.0')))
    kept(await publisher.attest({ name: 'com.example/weather', version: '2.0.0', bundle: OTHER_BYTES }, ROOT))
    expect((await registry.versions.evidence('com.example/weather', '2.0.0')).artifacts).toMatchObject([{ digest: 'cd' }])
  })
  it('takes a statement’s sequence number only where it is the next (attack 5)', async () => {
    expect(await publish(serverJson(), ['{"publisher":2}'])).toMatchObject({
      stop: 'attestation-invalid',
      detail: 'its sequence number is not the next one',
    })
    expect(await publish(serverJson(), ['{"publisher":1}', '{"publisher":2}'])).toMatchObject({ stop: 'attestation-invalid' })
    kept(await publish(serverJson(), ['{"publisher":1}']))
    expect(await publish(serverJson('com.example/weather', '2.0.0'), ['{"publisher":1}'])).toMatchObject({ stop: 'attestation-invalid' })
    expect(kept(await publish(serverJson('com.example/weather', '2.0.0'), ['{"publisher":2}'])).sequence).toBe(2)
  })
  it('keeps each version once: the same version with other bytes is refused (N144)', async () => {
    kept(await publish())
    expect(await publish(serverJson('com.example/weather', '1.0.0', { title: 'Other' }))).toMatchObject({ stop: 'version-exists' })
  })
  it('keeps documents up to the quota of a namespace: a publisher cannot fill the disk', async () => {
    const lock = 'x'.repeat(600)
    const bundleOf = (sequence: number): string => {
      const text = `{"lock":${sequence}}`
      SAYS[text] = { ...PUBLISHER, sequence, locks: new Map([['package-lock.json', hash('sha256', lock)]]) }
      return text
    }
    const send = (version: string, bundle: string) =>
      publisher.publish(
        { serverJson: serverJson('com.example/weather', version), bundles: [bundle], locks: new Map([['package-lock.json', lock]]) },
        ALICE,
      )
    const used = (): Promise<number> => registry.documents.usedBytes('com.example')
    kept(await send('1.0.0', bundleOf(1)))
    quota = (await used()) + 500
    expect(await send('2.0.0', bundleOf(2))).toMatchObject({
      stop: 'quota-exceeded',
      fix: expect.stringContaining('namespaceSize') as string,
    })
    expect(await registry.versions.find('com.example/weather', '2.0.0')).toBeUndefined()
    kept(await publish(serverJson('com.example/weather', '2.0.0'), [bundleOf(2)]))
    const further = { name: 'com.example/weather', version: '2.0.0', bundle: bundleOf(2), locks: new Map([['package-lock.json', lock]]) }
    expect(await publisher.attest(further, ALICE)).toMatchObject({ stop: 'quota-exceeded' })
    quota = (await used()) + 600
    kept(await publisher.attest(further, ALICE))
    // what is there already takes no room again
    kept(await publisher.attest(further, ALICE))
    expect(await used()).toBe(quota)
  })
  it('keeps no more versions or bundles either, once a namespace is full, and others go on', async () => {
    const before = await publish(serverJson('com.example/weather', '1.0.0', { title: 'x'.repeat(90) }))
    quota = (await registry.documents.usedBytes('com.example')) + 10
    expect([isStop(before), await publish(serverJson('com.example/weather', '2.0.0'))]).toMatchObject([false, { stop: 'quota-exceeded' }])
    expect(await publish(serverJson('com.example/another', '1.0.0'))).toMatchObject({ stop: 'quota-exceeded' })
    const further = { name: 'com.example/weather', version: '1.0.0', bundle: '{"publisher":1}' }
    expect(await publisher.attest(further, ALICE)).toMatchObject({ stop: 'quota-exceeded' })
    quota = 5000
    kept(await publish(serverJson('com.other/weather', '1.0.0')))
  })
  it('of two contradicting statements about one version, sent at once, keeps one', async () => {
    kept(await publish())
    const attest = (bundle: string) => publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle }, ALICE)
    const both = await Promise.all([attest('{"publisher":1}'), attest(OTHER_BYTES)])
    expect(both.filter(isStop)).toMatchObject([{ stop: 'attestation-invalid', detail: 'statements name `pkg:npm/a@1` by two digests' }])
    expect((await registry.versions.evidence('com.example/weather', '1.0.0')).attestations).toHaveLength(1)
  })
  it('is for members of the namespace, operators not among them', async () => {
    for (const by of [NOBODY, ROOT]) expect(await publish(serverJson(), undefined, by)).toEqual(FORBIDDEN)
    expect(await publish(serverJson('com.elsewhere/weather'))).toEqual(FORBIDDEN)
  })
  it('keeps nothing in a namespace that was frozen while bundles were verified', async () => {
    meanwhile = freeze
    expect(await publish(serverJson(), ['{"review":1}'])).toEqual(FORBIDDEN)
    expect(await registry.standings.server('com.example/weather')).toBeUndefined()
  })
  it('keeps nothing whose package or bundle was revoked while it was verified (attack 7)', async () => {
    const revoked = { reason: 'malware', action: 'block', by: ROOT.key, atSeconds: 1 } as const
    const [first, second] = ['{"publisher":1}', '{"review":1}']
    for (const target of [{ kind: 'artifact', target: 'ab' } as const, { kind: 'bundle', target: hash('sha256', first) } as const]) {
      registry = memoryRegistry()
      publisher = publisherOf()
      // the first is verified already when the second is
      meanwhile = () => void (asked.length % 2 === 0 && registry.revocations.append({ ...target, ...revoked }))
      asked = []
      expect(await publish(serverJson(), [first, second])).toMatchObject({ stop: 'attestation-invalid' })
      expect(await registry.versions.find('com.example/weather', '1.0.0')).toBeUndefined()
    }
  })
  it('admits nothing by a bundle that was revoked while it waited to be kept (attack 7)', async () => {
    kept(await publish(serverJson(), ['{"publisher":1}']))
    const review = '{"review":1}'
    let release = (): void => {}
    const isHeld = publisher.alone(() => new Promise<void>(resolve => (release = resolve)))
    const attested = publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: review }, ROOT)
    while (asked.length < 2) await Promise.resolve()
    for (let i = 0; i < 50; i++) await Promise.resolve() // it is verified, and behind what is being kept
    await registry.revocations.append({
      kind: 'bundle',
      target: hash('sha256', review),
      reason: 'malware',
      action: 'block',
      by: ROOT.key,
      atSeconds: 1,
    })
    release()
    await isHeld
    expect(await attested).toMatchObject({ stop: 'attestation-invalid', detail: 'this bundle is revoked' })
    expect((await registry.versions.find('com.example/weather', '1.0.0'))?.standing).toBe('quarantined')
  })
  it('keeps the spelling a server began with', async () => {
    kept(await publish(serverJson('com.example/Weather')))
    expect(await publish(serverJson('com.example/weather', '1.0.1'))).toMatchObject({ stop: 'server-json-invalid' })
    kept(await publish(serverJson('com.example/Weather', '1.0.1')))
  })
  it.each([
    ['a field that breaks the schema', serverJson('com.example/weather', 'latest')],
    ['too many bytes', serverJson('com.example/weather', '1.0.0', { x: 'y'.repeat(65_536) })],
    ['a number that no double holds', serverJson().replace('}', ',"x":9007199254740993}')],
    ['text that is not well-formed', serverJson().replace('}', ',"x":"\\ud800"}')],
  ])('refuses %s and says where', async (_what, json) => {
    expect(await publish(json)).toMatchObject({
      stop: 'server-json-invalid',
      detail: expect.any(String),
      data: { faults: expect.any(Array) },
    })
  })
  it('holds a look-alike back even where a reviewer vouches for it, until an operator clears it (attack 1, N144)', async () => {
    kept(await publish(serverJson('com.example/weather')))
    const held = kept(await publish(serverJson('com.exarnple/weather'), ['{"review":1}']))
    expect(held.standing).toBe('quarantined')
    expect(await publisher.attest({ name: 'com.exarnple/weather', version: '1.0.0', bundle: '{"review":1}' }, ALICE)).toMatchObject({
      stop: 'lookalike-held',
      detail: 'it looks like `com.example/weather`',
    })
    expect(await publisher.clear('com.exarnple/weather')).toEqual({ cleared: 'com.exarnple/weather' })
    expect(await publisher.clear('com.exarnple/weather')).toBeUndefined()
    expect(await publisher.attest({ name: 'com.exarnple/weather', version: '1.0.0', bundle: '{"review":1}' }, ALICE)).toMatchObject({
      standing: 'admitted',
    })
  })
  it('attack: holds the second of two look-alikes that are sent at once, and takes one of two spellings', async () => {
    const both = ['com.example/weather', 'com.exarnple/weather'].map(name => publish(serverJson(name), ['{"review":1}']))
    expect((await Promise.all(both)).map(done => kept(done).standing).sort()).toEqual(['admitted', 'quarantined'])
    const spelled = [publish(serverJson('com.example/Notes')), publish(serverJson('com.example/notes', '1.0.1'))]
    expect((await Promise.all(spelled)).map(isStop).sort()).toEqual([false, true])
  })
  it('lets one publisher name his servers alike, as long as they can be told apart', async () => {
    kept(await publish(serverJson('com.example/weather1'), ['{"review":1}']))
    expect(kept(await publish(serverJson('com.example/weather2'), ['{"review":1}'])).standing).toBe('admitted')
    expect(kept(await publish(serverJson('com.example/weatherl'), ['{"review":1}'])).standing).toBe('quarantined')
  })
})

describe('a version that an advisory concerns (attack 5)', () => {
  const hole: Advised = { id: 'GHSA-aaaa-bbbb-cccc', isMalware: false, isIndirect: false, about: 'npm left-pad 1.0.0' }
  const trojan: Advised = { id: 'MAL-2026-1', isMalware: true, isIndirect: true, about: 'npm left-pad 1.0.0' }
  it('is not taken, signed and reviewed or not; the advisory and what it concerns are named', async () => {
    advised = [hole]
    const refused = { stop: 'version-vulnerable', detail: 'GHSA-aaaa-bbbb-cccc concerns `npm left-pad 1.0.0`' }
    expect(await publish()).toMatchObject(refused)
    expect(await publish(serverJson(), ['{"publisher":1}', '{"review":1}'])).toMatchObject(refused)
    expect(await registry.standings.server('com.example/weather')).toBeUndefined()
  })
  it('is not admitted by a review that comes after the advisory', async () => {
    kept(await publish())
    advised = [hole]
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"review":1}' }, ROOT)).toMatchObject({
      stop: 'version-vulnerable',
    })
    expect((await registry.versions.find('com.example/weather', '1.0.0'))?.standing).toBe('quarantined')
    advised = []
    expect(kept(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"review":1}' }, ROOT)).standing).toBe(
      'admitted',
    )
  })
  it('in what its lock file pins alone is taken, and malware there is not', async () => {
    advised = [{ ...hole, isIndirect: true }, trojan]
    expect(await publish()).toMatchObject({ stop: 'version-vulnerable', detail: 'MAL-2026-1 concerns `npm left-pad 1.0.0`' })
    advised = [{ ...hole, isIndirect: true }]
    expect(kept(await publish()).standing).toBe('quarantined')
  })
  it('is taken where holes are only warned of, and malware is not', async () => {
    policy = 'warn'
    advised = [hole, trojan]
    expect(await publish()).toMatchObject({ stop: 'version-vulnerable', detail: 'MAL-2026-1 concerns `npm left-pad 1.0.0`' })
    advised = [hole]
    expect(kept(await publish(serverJson(), ['{"review":1}'])).standing).toBe('admitted')
  })
})

describe('a further statement', () => {
  it('of a reviewer admits what waits', async () => {
    kept(await publish())
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"publisher":1}' }, ALICE)).toMatchObject({
      standing: 'quarantined',
      isSigned: true,
    })
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"review":1}' }, ROOT)).toMatchObject({
      standing: 'admitted',
    })
    expect(asked.at(-1)).toMatchObject({ serverJson: serverJson(), version: '1.0.0' })
  })
  it('admits nothing in a namespace that is frozen, or was while it was verified, by an operator neither', async () => {
    kept(await publish())
    meanwhile = freeze
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"review":1}' }, ALICE)).toEqual(FORBIDDEN)
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"review":1}' }, ROOT)).toMatchObject({
      stop: 'namespace-frozen',
    })
    expect((await registry.versions.evidence('com.example/weather', '1.0.0')).attestations).toEqual([])
  })
  it('is one of a few: a version piled up with statements would be too much for whoever reads them', async () => {
    kept(await publish())
    for (let i = 0; i <= MAX_ATTESTATIONS; i++) SAYS[`{"again":${i}}`] = PUBLISHER
    const attest = (i: number) => publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: `{"again":${i}}` }, ALICE)
    for (let i = 0; i < MAX_ATTESTATIONS; i++) kept(await attest(i))
    expect(await attest(MAX_ATTESTATIONS)).toMatchObject({
      stop: 'attestation-invalid',
      detail: 'the version has 16 statements, as many as one may have',
    })
    kept(await attest(0))
    expect((await registry.versions.evidence('com.example/weather', '1.0.0')).attestations).toHaveLength(MAX_ATTESTATIONS)
  })
  it('brings nothing back that was revoked', async () => {
    kept(await publish())
    await publisher.setStatus({ name: 'com.example/weather', version: '1.0.0', status: 'deleted' }, ALICE)
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"review":1}' }, ROOT)).toMatchObject({
      standing: 'revoked',
    })
  })
  it('counts only verified, for this sequence number, by who may, for a version that is there', async () => {
    kept(await publish())
    const attest = (bundle: string, by = ALICE, version = '1.0.0', name = 'com.example/weather') =>
      publisher.attest({ name: name, version: version, bundle: bundle }, by)
    expect(await attest(FORGED)).toMatchObject({ stop: 'attestation-invalid' })
    expect(await attest('{"publisher":2}')).toMatchObject({ stop: 'attestation-invalid' })
    expect(await attest('{"review":1}', NOBODY)).toEqual(FORBIDDEN)
    expect(await attest('{"review":1}', ROOT, '9.0.0')).toMatchObject({ stop: 'registry-unknown' })
    expect(await attest('{"review":1}', ROOT, 'latest')).toMatchObject({ stop: 'params-invalid' })
    expect(await attest('{"review":1}', ROOT, '1.0.0', 'no name')).toMatchObject({ stop: 'registry-unknown' })
    expect((await registry.versions.find('com.example/weather', '1.0.0'))?.standing).toBe('quarantined')
  })
})

describe('a status', () => {
  const set = async (status: string, version?: string, message?: string, by = ALICE): Promise<readonly Entry[] | Stop> => {
    const which = { ...(version !== undefined && { version }), ...(message !== undefined && { message }) }
    const done = await publisher.setStatus({ name: 'com.example/weather', status, ...which }, by)
    return isStop(done) ? done : done.entries
  }
  beforeEach(async () => {
    for (const version of ['1.0.0', '2.0.0']) kept(await publish(serverJson('com.example/weather', version), ['{"review":1}']))
    kept(await publish(serverJson('com.example/weather', '3.0.0')))
  })
  it('is set for one version, with a message, and taken back', async () => {
    expect(await set('deprecated', '1.0.0', 'move on')).toMatchObject([{ version: '1.0.0', standing: 'deprecated', message: 'move on' }])
    expect(await set('deprecated', '1.0.0')).toMatchObject({
      stop: 'params-invalid',
      detail: 'no changes to apply: it is deprecated already',
    })
    expect(await set('active', '1.0.0', 'x')).toMatchObject({ stop: 'params-invalid' })
    expect(await set('active', '1.0.0')).toMatchObject([{ standing: 'admitted' }])
    expect(await set('deprecated', '1.0.0', 'x'.repeat(501))).toMatchObject({ stop: 'params-invalid' })
    expect(await set('sleeping', '1.0.0')).toMatchObject({ stop: 'params-invalid' })
  })
  it('is set for all versions that can have it, at once', async () => {
    expect(await set('deprecated')).toMatchObject([{ version: '2.0.0' }, { version: '1.0.0' }])
    expect((await registry.versions.find('com.example/weather', '3.0.0'))?.standing).toBe('quarantined')
    expect(await set('deleted')).toHaveLength(3)
    expect((await registry.revocations.since(0, 10)).map(({ target, reason }) => `${target} ${reason}`)).toEqual([
      'com.example/weather@2.0.0 publisher-request',
      'com.example/weather@1.0.0 publisher-request',
    ])
    expect(await set('deleted')).toMatchObject({ stop: 'registry-unknown' })
  })
  it('that an operator set is not taken back by the publisher who is warned of, who may withdraw all the same', async () => {
    await set('deprecated', '1.0.0', 'steals tokens', ROOT)
    await set('deprecated', '2.0.0')
    const refused = { stop: 'role-missing', detail: 'an operator deprecated it' }
    // together with others those alone change that are the publisher's own
    expect(await set('active')).toMatchObject([{ version: '2.0.0', standing: 'admitted' }])
    expect(await registry.versions.find('com.example/weather', '1.0.0')).toMatchObject({ standing: 'deprecated', message: 'steals tokens' })
    expect(await set('active', '1.0.0')).toMatchObject(refused)
    expect(await set('active', '1.0.0', undefined, ROOT)).toMatchObject([{ standing: 'admitted' }])
    await set('deprecated', '1.0.0')
    expect(await set('active', '1.0.0')).toMatchObject([{ standing: 'admitted' }])
    await set('deprecated', '1.0.0', undefined, ROOT)
    expect(await set('deleted', '1.0.0')).toMatchObject([{ standing: 'revoked' }])
  })
  it('is set for hundreds of versions at once, and the answer stays bounded', async () => {
    for (let i = 0; i < 250; i++) kept(await publish(serverJson('com.example/many', `1.0.${i}`)))
    const done = await publisher.setStatus({ name: 'com.example/many', status: 'deleted' }, ALICE)
    expect(isStop(done) ? done : [done.count, done.entries.length]).toEqual([250, 100])
    expect(await registry.versions.versions('com.example/many', { withRevoked: false, withQuarantined: true, limit: 9 })).toEqual([])
  })
  it('admits nothing: what waits for a statement waits, also for an operator', async () => {
    for (const by of [ALICE, ROOT]) {
      expect(await set('active', '3.0.0', undefined, by)).toMatchObject({ stop: 'attestation-required' })
      expect(await set('deprecated', '3.0.0', undefined, by)).toMatchObject({ stop: 'attestation-required' })
    }
  })
  it('never brings back what was deleted, and says why it went', async () => {
    await set('deleted', '1.0.0', 'leaks', ROOT)
    expect((await registry.revocations.since(0, 10))[0]).toMatchObject({
      target: 'com.example/weather@1.0.0',
      reason: 'policy',
      action: 'block',
    })
    expect(await set('active', '1.0.0')).toMatchObject({ stop: 'params-invalid', detail: 'what is revoked stays revoked' })
    expect(await set('deleted', '1.0.0')).toMatchObject({ stop: 'params-invalid', detail: 'it is revoked already' })
  })
  it('is for members and operators', async () => {
    expect(await set('deleted', '1.0.0', undefined, NOBODY)).toEqual(FORBIDDEN)
    expect(await publisher.setStatus({ name: 'com.example/none', status: 'deleted' }, ROOT)).toMatchObject({ stop: 'registry-unknown' })
  })
})

describe('a revocation', () => {
  const block = { kind: 'version', target: 'com.EXAMPLE/weather@1.0.0', reason: 'malware', action: 'block' } as const
  it('of a version withdraws it, by its own name', async () => {
    kept(await publish(serverJson(), ['{"review":1}']))
    expect(await publisher.revoke({ ...block, action: 'warn' }, ROOT)).toMatchObject({ sequence: 1, target: 'com.example/weather@1.0.0' })
    expect((await registry.versions.find('com.example/weather', '1.0.0'))?.standing).toBe('admitted')
    expect(await publisher.revoke(block, ROOT)).toMatchObject({ sequence: 2, by: ROOT.key })
    expect(await registry.versions.find('com.example/weather', '1.0.0')).toMatchObject({ standing: 'revoked', message: 'malware' })
  })
  it('names a version that is there', async () => {
    for (const target of ['com.example/weather@1.0.0', 'com.example/weather', '@', 'com.example/weather@latest'])
      expect(await publisher.revoke({ ...block, target }, ROOT)).toMatchObject({ stop: 'registry-unknown' })
  })
  it('of a namespace freezes it, and a warning does not', async () => {
    await publisher.revoke({ ...block, kind: 'namespace', target: 'com.example', action: 'warn' }, ROOT)
    expect(states).toEqual([])
    await publisher.revoke({ ...block, kind: 'namespace', target: 'com.example' }, ROOT)
    expect(states).toEqual(['com.example frozen'])
  })
  it('of a namespace that nobody has is none: who claims it later would publish in it', async () => {
    expect(await publisher.revoke({ ...block, kind: 'namespace', target: 'com.nobody' }, ROOT)).toMatchObject({ stop: 'registry-unknown' })
    expect(await registry.revocations.since(0, 10)).toEqual([])
  })
  it('of a bundle counts however it is written: a blank would bring it back, and so would the line break of its file', async () => {
    const statement = Buffer.from('{"about":"weather"}')
    const text = (more: object) => JSON.stringify({ dsseEnvelope: { payload: statement.toString('base64') }, ...more })
    const again = [text({}), ` ${text({})}`, text({ x: 1 })]
    for (const bundle of again) SAYS[bundle] = PUBLISHER
    kept(await publish())
    const attest = (bundle: string) => publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: bundle }, ALICE)
    kept(await attest(text({})))
    await publisher.revoke({ ...block, kind: 'bundle', target: hash('sha256', `${text({})}\n`) }, ROOT)
    for (const bundle of again) expect(await attest(bundle)).toMatchObject({ detail: 'this bundle is revoked' })
    kept(await publish(serverJson('com.example/other'), [text({ x: 1 })]))
    await publisher.revoke({ ...block, kind: 'bundle', target: hash('sha256', statement) }, ROOT)
    expect(await publish(serverJson('com.example/third'), [text({ x: 1 })])).toMatchObject({ detail: 'this bundle is revoked' })
  })
  it.each([
    ['bundle', hash('sha256', '{"publisher":1}'), 'this bundle is revoked'],
    ['artifact', 'ab', 'the artifact `pkg:npm/a@1` is revoked'],
  ] as const)('of a %s keeps it from ever being published or attested again', async (kind, target, detail) => {
    await publisher.revoke({ ...block, kind, target, action: 'warn' }, ROOT)
    kept(await publish())
    await publisher.revoke({ ...block, kind, target }, ROOT)
    expect(await publisher.attest({ name: 'com.example/weather', version: '1.0.0', bundle: '{"publisher":1}' }, ALICE)).toMatchObject({
      stop: 'attestation-invalid',
      detail,
    })
    expect(await publish(serverJson('com.example/other'), ['{"publisher":1}'])).toMatchObject({ stop: 'attestation-invalid', detail })
  })
  it('of anything else is kept as it is', async () => {
    expect(await publisher.revoke({ ...block, kind: 'key', target: 'hint', notBeforeSeconds: 5 }, ROOT)).toMatchObject({
      sequence: 1,
      notBeforeSeconds: 5,
    })
  })
})
