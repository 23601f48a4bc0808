// What `gatehouse trust` refuses, and what it leaves as it was then. That it works is shown by the runbook's own test.

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TrustFolder } from '../../src/adapters/tuf/trust-folder.ts'
import { floors, policies, revocations, trustedRoot } from '../adapters/tuf/world.ts'
import { gatehouse, NOW, type Run } from './io.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
let cwd: string
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  cwd = mkdtempSync(join(tmpdir(), 'trust-'))
  for (const name of ['ann', 'bob', 'cyd', 'dan', 'eve']) writeKey(name, generateKeyPairSync('ed25519').privateKey)
  write('policies.json', policies('alice@acme.com'))
  write('trusted_root.json', trustedRoot())
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(cwd, { recursive: true, force: true })
})

const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text, { mode: 0o600 })
function writeKey(name: string, key: KeyObject): void {
  write(`${name}.pem`, key.export({ format: 'pem', type: 'pkcs8' }) as string)
  write(`${name}.pub`, createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string)
}
const run = (...argv: readonly string[]): Promise<Run> => gatehouse(['trust', ...argv], { cwd, now: Date.now })
const begin = (...more: readonly string[]): Promise<Run> =>
  run('init', 'trust', ...['ann', 'bob', 'cyd'].flatMap(name => ['--root', `${name}.pub`]), ...['dan', 'eve'].flatMap(name => ['--namespaces', `${name}.pub`]), ...more) // prettier-ignore
async function sign(role: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) expect(await run('sign', `trust/staged/${role}.json`, '--key', `${name}.pem`)).toMatchObject({ code: 0 })
}
/** A repository that is signed and published. */
async function published(): Promise<void> {
  await begin('--policies', 'policies.json', '--trusted-root', 'trusted_root.json')
  await sign('root', 'ann', 'bob')
  await sign('targets', 'ann', 'bob')
  await sign('namespaces', 'dan', 'eve')
  expect(await run('publish', 'trust')).toMatchObject({ code: 0 })
}
const says = (text: string) => ({ code: 1, err: expect.stringContaining(text) as string })
const timestamp = (): string => readFileSync(join(cwd, 'trust/metadata/timestamp.json'), 'utf8')

describe('gatehouse trust init', () => {
  it('makes online keys that only their owner can read, and publishes nothing', async () => {
    expect(await begin()).toMatchObject({ code: 0, out: expect.stringContaining('staged/root.json') as string })
    expect(readdirSync(join(cwd, 'trust')).sort()).toEqual(['online', 'staged'])
    const online = readdirSync(join(cwd, 'trust/online'))
    expect(online.map(name => name.split('-')[0]).sort()).toEqual(['index', 'revocations', 'snapshot', 'timestamp'])
    for (const name of online) expect(statSync(join(cwd, 'trust/online', name)).mode & 0o077).toBe(0)
    expect(await run('status', 'trust')).toMatchObject({ code: 1, out: expect.stringContaining('nothing is published yet') as string })
  })

  it('refuses fewer keys than can lose one, and one key for two people', async () => {
    expect(await run('init', 'trust', '--root', 'ann.pub', '--root', 'bob.pub')).toMatchObject(says('at least 3 keys, got 2'))
    const roots = ['--root', 'ann.pub', '--root', 'bob.pub', '--root']
    expect(await run('init', 'trust', ...roots, 'ann.pub')).toMatchObject(says('each key once'))
    expect(await run('init', 'trust', ...roots, 'cyd.pub', '--namespaces', 'dan.pub')).toMatchObject(says('at least 2 keys, got 1'))
    writeKey('p384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)
    expect(await run('init', 'trust', ...roots, 'p384.pub')).toMatchObject(says('Ed25519 or P-256'))
    expect(existsSync(join(cwd, 'trust'))).toBe(false)
  })

  it('leaves a folder alone that is used, and takes no keys for an evaluation', async () => {
    await begin()
    expect(await begin()).toMatchObject({ code: 4, err: expect.stringContaining('left as it is') as string })
    expect(await run('init', 'trial', '--evaluation', '--root', 'ann.pub')).toMatchObject({ code: 2 })
    expect(await run('init')).toMatchObject({ code: 2 })
    expect(await run('init', 'x', '--policies', 'absent.json', '--evaluation')).toMatchObject({ code: 2 })
  })

  it('refuses documents that no gateway could read', async () => {
    write('policies.json', '{"version":1}')
    expect(await begin('--policies', 'policies.json')).toMatchObject(says('namespaces'))
  })

  it('says of an evaluation what it is, and never makes it anything else', async () => {
    expect(await run('init', 'trust', '--evaluation')).toMatchObject({ code: 0, err: expect.stringContaining('EVALUATION') as string })
    expect(await run('publish', 'trust')).toMatchObject({ code: 0 })
    const { code, err, out } = await run('status', 'trust', '--json')
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('EVALUATION') as string })
    expect(JSON.parse(out)).toMatchObject({ isEvaluation: true, refused: [] })
    expect(await run('rotate', 'trust', '--role', 'root', '--add', 'ann.pub')).toMatchObject(says('does not become anything else'))
    expect(await run('rotate', 'trust', '--role', 'namespaces')).toMatchObject({ code: 0 })
  })
})

describe('gatehouse trust publish', () => {
  it('publishes nothing at first with 1 of 2 signatures, whoever else signs', async () => {
    await begin()
    await sign('root', 'ann', 'dan')
    expect(await run('publish', 'trust')).toMatchObject(says('root has 1 of 2 signatures'))
    expect(existsSync(join(cwd, 'trust/metadata'))).toBe(false)
  })

  it('leaves staged what lacks signatures, says whose, and publishes the rest', async () => {
    await published()
    await run('stage', 'trust', '--policies', 'policies.json')
    await sign('namespaces', 'dan', 'ann')
    const waiting = await run('publish', 'trust')
    expect(waiting).toMatchObject({
      code: 0,
      out: expect.stringMatching(/nothing new.*waiting: namespaces, 1 of 2 signatures; could sign: [0-9a-f]{64}\n/s) as string,
    })
    expect(await run('status', 'trust')).toMatchObject({
      code: 0,
      out: expect.stringContaining('staged: namespaces, version 2: 1 of 2') as string,
    })
    await sign('namespaces', 'eve')
    expect(JSON.parse((await run('publish', 'trust', '--json')).out)).toEqual({ published: ['namespaces'], waiting: [] })
    expect(existsSync(join(cwd, 'trust/staged/namespaces.json'))).toBe(false)
  })

  it('takes copies of what is staged and of nothing else, and none displaces a signature', async () => {
    await published()
    await run('stage', 'trust', '--policies', 'policies.json')
    cpSync(join(cwd, 'trust/staged/namespaces.json'), join(cwd, 'copy.json'))
    await sign('namespaces', 'dan')
    await run('sign', 'copy.json', '--key', 'eve.pem')
    const copy = JSON.parse(readFileSync(join(cwd, 'copy.json'), 'utf8')) as {
      signed: object
      signatures: { keyid: string; sig: string }[]
    }
    const staged = JSON.parse(readFileSync(join(cwd, 'trust/staged/namespaces.json'), 'utf8')) as typeof copy
    const worthless = { keyid: staged.signatures[0]?.keyid ?? '', sig: '00' }
    write('copy.json', JSON.stringify({ ...copy, signatures: [...copy.signatures, worthless] }))
    write('other.json', JSON.stringify({ ...copy, signed: { ...copy.signed, version: 9 } }))
    expect(await run('publish', 'trust', 'other.json')).toMatchObject(says('not a copy of anything that is staged'))
    expect(await run('publish', 'trust', 'copy.json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('taken up: namespaces') as string,
    })
  })

  it('publishes no new namespaces keyholders before two of them signed, and renews the timestamp meanwhile', async () => {
    await published()
    await run('rotate', 'trust', '--role', 'namespaces', '--remove', 'dan.pub', '--add', 'cyd.pub')
    await sign('targets', 'ann', 'bob')
    const before = timestamp()
    expect((await run('publish', 'trust')).out).toMatch(/nothing new.*waiting: namespaces, 0 of 2/s)
    expect(timestamp()).not.toBe(before)
    await sign('namespaces', 'cyd', 'eve')
    expect((await run('publish', 'trust')).out).toContain('taken up: targets, namespaces')
    expect(await run('status', 'trust')).toMatchObject({ code: 0 })
  })

  it('makes a new snapshot only when something changed or half its life is over', async () => {
    await published()
    const snapshots = (): number => readdirSync(join(cwd, 'trust/metadata')).filter(name => name.endsWith('.snapshot.json')).length
    await run('publish', 'trust')
    await run('publish', 'trust')
    expect(snapshots()).toBe(1)
    expect(await run('status', 'trust')).toMatchObject({ code: 0 })
    vi.setSystemTime(NOW + 4 * DAY)
    await run('publish', 'trust')
    expect(snapshots()).toBe(2)
  })

  it('is done by one at a time', async () => {
    await published()
    const unlock = new TrustFolder(join(cwd, 'trust')).lock()
    expect(await run('publish', 'trust')).toMatchObject(says('somebody else publishes'))
    unlock()
    expect(await run('publish', 'trust')).toMatchObject({ code: 0 })
  })

  it('goes on where it was interrupted before it was through', async () => {
    await published()
    await run('rotate', 'trust', '--role', 'timestamp')
    await sign('root', 'ann', 'bob')
    cpSync(join(cwd, 'trust'), join(cwd, 'before'), { recursive: true })
    await run('publish', 'trust')
    // On disk after a crash: the new root, and everything else as before.
    cpSync(join(cwd, 'trust/metadata/2.root.json'), join(cwd, 'before/metadata/2.root.json'))
    expect(await run('status', 'before')).toMatchObject({ code: 1 })
    expect(await run('publish', 'before')).toMatchObject({ code: 0 })
    expect(await run('status', 'before')).toMatchObject({ code: 0 })
  })

  it('signs index and revocations anew when half their life is over, and not before', async () => {
    await published()
    const version = async (): Promise<number | undefined> =>
      (JSON.parse((await run('status', 'trust', '--json')).out) as { roles: { role: string; version: number }[] }).roles.find(
        ({ role }) => role === 'revocations',
      )?.version
    vi.setSystemTime(NOW + 3 * DAY)
    await run('publish', 'trust')
    expect(await version()).toBe(1)
    vi.setSystemTime(NOW + 4 * DAY)
    await run('publish', 'trust')
    expect(await version()).toBe(2)
    write('revocations.json', revocations('1.0.0'))
    await run('publish', 'trust', '--revocations', 'revocations.json')
    expect(await version()).toBe(3)
  })

  it('says which key is missing, and how to replace it', async () => {
    await published()
    const online = join(cwd, 'trust/online')
    for (const name of readdirSync(online)) if (name.startsWith('snapshot-')) rmSync(join(online, name))
    const before = timestamp()
    vi.setSystemTime(NOW + 4 * DAY)
    expect(await run('publish', 'trust')).toMatchObject(says('gatehouse trust rotate --role snapshot'))
    expect(timestamp()).toBe(before)
  })

  it('publishes no root that makes the rest worthless', async () => {
    await published()
    await run('rotate', 'trust', '--role', 'root', '--remove', 'ann.pub', '--add', 'dan.pub')
    await sign('root', 'ann', 'bob', 'dan')
    const held = await run('publish', 'trust')
    expect(held).toMatchObject({ code: 0, out: expect.stringMatching(/nothing new.*waiting: targets, 0 of 2 signatures/s) as string })
    expect(existsSync(join(cwd, 'trust/metadata/2.root.json'))).toBe(false)
    expect(await run('status', 'trust')).toMatchObject({ code: 0 })
    await sign('targets', 'bob', 'dan')
    expect(await run('publish', 'trust')).toMatchObject({ code: 0, out: expect.stringContaining('taken up: root, targets') as string })
  })

  it('takes no root that only its own new keyholders signed', async () => {
    await published()
    await run('rotate', 'trust', '--role', 'root', '--remove', 'ann.pub', '--remove', 'bob.pub', '--add', 'dan.pub', '--add', 'eve.pub')
    await sign('root', 'dan', 'eve', 'cyd')
    await sign('targets', 'dan', 'eve')
    expect((await run('publish', 'trust')).out).not.toContain('taken up: root')
    expect(existsSync(join(cwd, 'trust/metadata/2.root.json'))).toBe(false)
  })
})

describe('gatehouse trust stage and rotate', () => {
  beforeEach(published)

  it('refuse floors that fall, and documents that were changed where they are kept', async () => {
    write('floors.json', floors(7))
    expect(await run('stage', 'trust', '--floors', 'floors.json')).toMatchObject({ code: 0 })
    write('floors.json', floors(6))
    expect(await run('stage', 'trust', '--floors', 'floors.json')).toMatchObject(says('expected 7 or above'))
    const folder = join(cwd, 'trust/targets/namespaces')
    for (const name of readdirSync(folder)) writeFileSync(join(folder, name), policies('mallory@evil.example'))
    expect(await run('rotate', 'trust', '--role', 'namespaces')).toMatchObject(says('not what was signed'))
  })

  it('refuse what leaves too few keyholders, keys that are not there, and keys where none are given', async () => {
    const rotate = (...more: readonly string[]): Promise<Run> => run('rotate', 'trust', '--role', ...more)
    expect(await rotate('root', '--remove', 'ann.pub')).toMatchObject(says('at least 3 keys, got 2'))
    expect(await rotate('namespaces', '--remove', 'ann.pub')).toMatchObject(says('namespaces has no key'))
    expect(await rotate('root', '--remove', 'a'.repeat(64))).toMatchObject(says('root has no key'))
    expect(await rotate('namespaces', '--add', 'dan.pub')).toMatchObject(says('each key once'))
    expect(await rotate('snapshot', '--add', 'ann.pub')).toMatchObject(says('is made here'))
    expect(await rotate('targets')).toMatchObject({ code: 2, err: expect.stringContaining('--role') as string })
    expect(await run('stage', 'trust')).toMatchObject({ code: 2 })
    expect(await run('rotate', 'nowhere', '--role', 'root')).toMatchObject(says('is no trust repository'))
  })
})

describe('gatehouse trust sign', () => {
  it('prints what is signed, each key and digest', async () => {
    await begin('--policies', 'policies.json')
    expect((await run('sign', 'trust/staged/namespaces.json', '--key', 'dan.pem')).out).toMatch(
      /targets metadata, version 1, counts until 2027-05-20T12:00:00Z\n {2}namespaces\/policies.json: SHA-256 [0-9a-f]{64}\nsigned with key [0-9a-f]{64}\n/,
    )
    expect((await run('sign', 'trust/staged/root.json', '--key', 'ann.pem')).out).toMatch(/root: 2 of\n( {4}[0-9a-f]{64}\n){3}/)
  })

  it('lets a program sign that holds the key, and takes no other key’s signature', async () => {
    writeKey('tok', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
    await run(
      'init',
      'trust',
      '--root',
      'tok.pub',
      '--root',
      'bob.pub',
      '--root',
      'cyd.pub',
      '--namespaces',
      'dan.pub',
      '--namespaces',
      'eve.pub',
    )
    const by = (key: string): Promise<Run> =>
      run('sign', 'trust/staged/root.json', '--key-command', `openssl dgst -sha256 -sign ${key}.pem`, '--public-key', 'tok.pub')
    writeKey('other', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
    expect(await by('other')).toMatchObject(says('not one of the public key'))
    expect(await by('tok')).toMatchObject({ code: 0 })
    await sign('root', 'bob')
    await sign('targets', 'bob', 'cyd')
    await sign('namespaces', 'dan', 'eve')
    expect(await run('publish', 'trust')).toMatchObject({ code: 0 })
    expect(await run('status', 'trust')).toMatchObject({ code: 0 })
  })

  it('refuses what is no such metadata, and to sign with nothing', async () => {
    await begin()
    for (const text of ['', '[]', '{}', '{"signed":{"_type":"snapshot"},"signatures":[]}']) {
      write('bad.json', text)
      expect(await run('sign', 'bad.json', '--key', 'ann.pem')).toMatchObject(says('expected TUF'))
    }
    expect(await run('sign', 'trust/staged/root.json')).toMatchObject({ code: 2 })
    expect(await run('sign')).toMatchObject({ code: 2 })
  })
})

describe('gatehouse trust status', () => {
  it('says what expires soon, and what a gateway no longer believes', async () => {
    await published()
    expect((await run('status', 'trust')).out).not.toMatch(/SOON|EXPIRED/)
    vi.setSystemTime(NOW + 50 * 60_000)
    expect((await run('status', 'trust')).out).toMatch(/timestamp .*10 minutes.*SOON/)
    vi.setSystemTime(NOW + 150 * DAY)
    await run('publish', 'trust')
    expect((await run('status', 'trust')).out).toMatch(/namespaces .*\(30 days\).*SOON/)
    vi.setSystemTime(NOW + 181 * DAY)
    await run('publish', 'trust')
    expect(await run('status', 'trust')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/namespaces .*\(over\).*EXPIRED.*would refuse/s) as string,
    })
  })
})
