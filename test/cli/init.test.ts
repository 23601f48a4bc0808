import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backUp, readIfThere, writeAtomic } from '../../src/cli/files.ts'
import { loadConfig } from '../../src/config/load.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import { gatehouse, NOW } from './io.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-init-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))
const mode = (path: string): number => statSync(join(cwd, path)).mode & 0o777
const read = (path: string): string => readFileSync(join(cwd, path), 'utf8')

describe('init', () => {
  it('writes a configuration that loads, the data directory, and the first operator', async () => {
    const { code, out } = await gatehouse(['init'], { cwd })
    expect(code).toBe(0)
    expect(out).toContain('first operator: alice')
    const loaded = await loadConfig(join(cwd, 'gatehouse.yaml'), { env: {} })
    expect(loaded).toMatchObject({
      ok: true,
      snapshot: {
        listen: { host: '127.0.0.1' },
        operators: ['http://127.0.0.1:8401 alice'],
        evaluation: { users: [{ name: 'alice', groups: ['operators'] }] },
      },
    })
    expect(mode('gatehouse.yaml')).toBe(0o600)
    for (const folder of ['', 'audit', 'keys', 'secrets', 'trust']) expect(mode(join('.gatehouse', folder))).toBe(0o700)
    expect(read('.gatehouse/.gitignore')).toBe('*\n')
    expect(JSON.parse(read('.gatehouse/gatehouse.schema.json'))).toMatchObject({ title: 'gatehouse.yaml' })
  })

  it('makes a reviewer’s key for evaluation outside of all the gateway keeps, private, and says everywhere what it is', async () => {
    const { out } = await gatehouse(['init'], { cwd })
    const [, key] = /its private key lies on this machine \((.*)\)/.exec(out)!
    expect(key!.startsWith(join(cwd, '.config', 'gatehouse', 'reviewers'))).toBe(true)
    expect(statSync(key!).mode & 0o777).toBe(0o600)
    expect(readFileSync(key!, 'utf8')).toContain('PRIVATE KEY')
    const inside = readdirSync(join(cwd, '.gatehouse'), { recursive: true, encoding: 'utf8' }).map(name => join(cwd, '.gatehouse', name))
    for (const file of [join(cwd, 'gatehouse.yaml'), join(cwd, 'reviewers', 'evaluation.pem'), ...inside.filter(f => statSync(f).isFile())])
      expect(readFileSync(file, 'utf8')).not.toContain('PRIVATE KEY')
    const publicKey = read('reviewers/evaluation.pem')
    const checked = await gatehouse(['config', 'check'], { cwd })
    expect(checked.out + checked.err).toContain('its private key lies on this machine, for trying things out')
    expect((await gatehouse(['doctor'], { cwd })).out).toContain('its private key lies on this machine, for trying things out')
    // What was admitted with it stays admitted.
    await gatehouse(['init', '--force'], { cwd })
    expect(read('reviewers/evaluation.pem')).toBe(publicKey)
    // Another configuration has another.
    await gatehouse(['init', 'elsewhere'], { cwd })
    expect(read('elsewhere/reviewers/evaluation.pem')).not.toBe(publicKey)
  })

  it('a server is admitted with that key without naming it, and every word about it says so', async () => {
    await gatehouse(['init'], { cwd })
    const server = { stdio: { command: process.execPath, args: nodeServer('flipping').args }, allow: [{ subjects: ['*'], tools: ['*'] }] }
    writeFileSync(
      join(cwd, 'gatehouse.yaml'),
      read('gatehouse.yaml').replace('upstreams: {}', `upstreams: ${JSON.stringify({ weather: server })}`),
    )
    const { out } = await gatehouse(['server', 'review', 'weather'], { cwd })
    const [, ...approval] = /to admit exactly this: gatehouse (.*)\n/.exec(out)![1]!.split(' ')
    const approved = await gatehouse(['server', ...approval], { cwd })
    expect(approved).toMatchObject({ code: 0, err: expect.stringContaining('an evaluation key that lies on this machine') })
    expect((await gatehouse(['server', 'list'], { cwd })).out).toMatch(
      /^weather {2}admitted by evaluation at \S+ \(signed by an evaluation key that lies on this machine: /,
    )
    // Without the key there is no signature, and nothing counts without one.
    rmSync(join(cwd, '.config'), { recursive: true })
    expect(await gatehouse(['server', ...approval], { cwd })).toMatchObject({ code: 2, err: expect.stringContaining('expected --key') })
  })

  it('its example loads once the comment signs are gone', async () => {
    await gatehouse(['init'], { cwd })
    const example = read('gatehouse.yaml')
      .replace('upstreams: {}', 'upstreams:')
      .replaceAll(/^#( {2}.*)$/gm, '$1')
    expect(example).toContain('\n  files:\n')
    writeFileSync(join(cwd, 'gatehouse.yaml'), example)
    const loaded = await loadConfig(join(cwd, 'gatehouse.yaml'), { env: {} })
    expect(loaded.ok && [...loaded.snapshot.upstreams.keys()]).toEqual(['files'])
    expect(loaded.warnings.map(w => w.code)).not.toContain('risky-command')
  })

  it('never overwrites without --force, and then keeps a backup', async () => {
    writeFileSync(join(cwd, 'gatehouse.yaml'), 'precious\n')
    const refused = await gatehouse(['init'], { cwd })
    expect(refused.code).toBe(4)
    expect(refused.err).toContain('was left as it is')
    expect(read('gatehouse.yaml')).toBe('precious\n')
    expect(existsSync(join(cwd, '.gatehouse'))).toBe(false)

    expect((await gatehouse(['init', '--force'], { cwd })).code).toBe(0)
    expect((await gatehouse(['init', '--force'], { cwd })).code).toBe(0)
    const backups = readdirSync(cwd)
      .filter(name => name.includes('backup'))
      .sort()
    expect(backups).toEqual(['gatehouse.yaml.gatehouse-backup-20261121T120000Z', 'gatehouse.yaml.gatehouse-backup-20261121T120000Z-2'])
    expect(read(backups[0]!)).toBe('precious\n')
  })

  it('attack: a dangling link is not written through without being asked', async () => {
    symlinkSync('elsewhere', join(cwd, 'gatehouse.yaml'))
    expect((await gatehouse(['init'], { cwd })).code).toBe(4)
    expect(existsSync(join(cwd, 'elsewhere'))).toBe(false)
  })

  it.each([
    ['DOMAIN\\\\Jane Doe', 'DOMAINJaneDoe'],
    ['дядя', 'operator'],
    ['007', '007'],
    ['true', 'true'],
    ['null', 'null'],
    ['x: [y', 'xy'],
  ])('takes the user name %j as %j', async (userName, expected) => {
    await gatehouse(['init', 'sub'], { cwd, userName })
    const loaded = await loadConfig(join(cwd, 'sub', 'gatehouse.yaml'), { env: {} })
    expect(loaded.ok && loaded.snapshot.evaluation?.users[0]?.name).toBe(expected)
  })

  it('refuses an operator that is no name', async () => {
    expect((await gatehouse(['init', '--operator', 'a b'], { cwd })).code).toBe(2)
    expect(readdirSync(cwd)).toEqual([])
  })
})

describe('files', () => {
  it('are replaced in one step, keep mode and link, and leave nothing behind', async () => {
    const real = join(cwd, 'real')
    writeFileSync(real, 'old')
    chmodSync(real, 0o640)
    symlinkSync('real', join(cwd, 'link'))
    const inode = statSync(real).ino
    await writeAtomic(join(cwd, 'link'), 'new')
    expect(read('real')).toBe('new')
    expect(lstatSync(join(cwd, 'link')).isSymbolicLink()).toBe(true)
    expect(mode('real')).toBe(0o640)
    expect(statSync(real).ino).not.toBe(inode)
    expect(readdirSync(cwd).sort()).toEqual(['link', 'real'])
  })

  it('new ones are for their owner, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      await writeAtomic(join(cwd, 'secret'), 's')
      await backUp(join(cwd, 'secret'), Buffer.from('s'), NOW)
    } finally {
      process.umask(before)
    }
    for (const name of readdirSync(cwd)) expect(mode(name)).toBe(0o600)
  })

  it('a failed write leaves the old file and no temporary one', async () => {
    mkdirSync(join(cwd, 'folder'))
    await expect(writeAtomic(join(cwd, 'folder'), 'x')).rejects.toThrow()
    expect(readdirSync(cwd)).toEqual(['folder'])
  })

  it('are read only when they are files', async () => {
    mkdirSync(join(cwd, 'folder'))
    expect(await readIfThere(join(cwd, 'none'))).toBeUndefined()
    await expect(readIfThere(join(cwd, 'folder'))).rejects.toThrow('not a regular file')
    await expect(readIfThere('/dev/zero')).rejects.toThrow('not a regular file')
  })
})
