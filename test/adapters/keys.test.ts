// The sealing key on disk: made once, private, refused when anybody else could have read or planted it.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadSealingKeys, rotateSealingKeys } from '../../src/adapters/keys.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'keys-'))
  file = join(dir, 'keys', 'sealing.key')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const fault = (code: string, text: RegExp): unknown => expect.objectContaining({ code, message: expect.stringMatching(text) })

describe('the sealing key file', () => {
  it('is made at the first start with mode 0600 in a directory of mode 0700, and is the same afterwards', () => {
    const first = loadSealingKeys(dir)
    expect(first.current).toHaveLength(32)
    expect(first.previous).toBeUndefined()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, 'keys')).mode & 0o777).toBe(0o700)
    expect(loadSealingKeys(dir)).toEqual(first)
    expect(readdirSync(join(dir, 'keys'))).toEqual(['sealing.key'])
  })

  it('is not world-readable even under a permissive umask', () => {
    const before = process.umask(0)
    try {
      loadSealingKeys(dir)
    } finally {
      process.umask(before)
    }
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, 'keys')).mode & 0o777).toBe(0o700)
  })

  it('keeps one previous generation when it is rotated', () => {
    const first = loadSealingKeys(dir)
    const second = rotateSealingKeys(dir)
    expect(second.previous).toEqual(first.current)
    expect(second.current).not.toEqual(first.current)
    expect(loadSealingKeys(dir)).toEqual(second)
    const third = rotateSealingKeys(dir)
    expect(third.previous).toEqual(second.current)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(dir, 'keys'))).toEqual(['sealing.key'])
  })

  it.each([0o640, 0o604, 0o620, 0o644])('is refused when others may use it (mode %o)', mode => {
    loadSealingKeys(dir)
    chmodSync(file, mode)
    expect(() => loadSealingKeys(dir)).toThrow(fault('key-file-unsafe', /chmod go=/))
    expect(() => rotateSealingKeys(dir)).toThrow(fault('key-file-unsafe', /chmod go=/))
  })

  it('is refused in a directory that others may write to or that is a symbolic link', () => {
    loadSealingKeys(dir)
    chmodSync(join(dir, 'keys'), 0o770)
    expect(() => loadSealingKeys(dir)).toThrow(fault('key-file-unsafe', /others may use it/))
    chmodSync(join(dir, 'keys'), 0o700)
    renameSync(join(dir, 'keys'), join(dir, 'elsewhere'))
    symlinkSync(join(dir, 'elsewhere'), join(dir, 'keys'))
    expect(() => loadSealingKeys(dir)).toThrow(fault('key-file-unsafe', /symbolic link/))
  })

  it('is refused as a symbolic link, a directory, or a dangling link (which would plant a key elsewhere)', () => {
    loadSealingKeys(dir)
    renameSync(file, join(dir, 'moved'))
    symlinkSync(join(dir, 'moved'), file)
    expect(() => loadSealingKeys(dir)).toThrow(fault('key-file-unsafe', /symbolic link/))
    rmSync(file)
    symlinkSync(join(dir, 'nowhere'), file)
    expect(() => loadSealingKeys(dir)).toThrow(fault('key-file-unsafe', /symbolic link/))
    expect(existsSync(join(dir, 'nowhere'))).toBe(false)
    rmSync(file)
    mkdirSync(file, { mode: 0o700 })
    expect(() => loadSealingKeys(dir)).toThrow(fault('key-file-unsafe', /regular file/))
  })

  it.skipIf(process.geteuid?.() !== 0)('is refused when somebody else owns it', () => {
    loadSealingKeys(dir)
    chownSync(file, 65534, 65534)
    expect(() => loadSealingKeys(dir)).toThrow(fault('key-file-unsafe', /owner uid/))
  })

  it('is refused, without showing it, when its content is not exactly one or two keys', () => {
    loadSealingKeys(dir)
    const line = readFileSync(file, 'utf8')
    const other = `v1 ${Buffer.alloc(32, 5).toString('base64url')}\n`
    for (const content of [
      '',
      '\n',
      line.trimEnd(),
      line + line,
      line + other + other,
      ` ${line}`,
      line.replace('v1', 'v2'),
      line.slice(0, 20) + '\n',
      line + 'x'.repeat(5000),
      line.replace('\n', '\r\n'),
      line.replace(/.\n$/, '=\n'),
    ]) {
      writeFileSync(file, content)
      const secret = line.slice(3, 30)
      try {
        loadSealingKeys(dir)
        expect.unreachable(JSON.stringify(content))
      } catch (error) {
        expect(error).toEqual(fault('key-file-invalid', /not a key file/))
        expect(String(error)).not.toContain(secret)
      }
    }
    writeFileSync(file, line + other)
    expect(loadSealingKeys(dir).previous).toEqual(Buffer.alloc(32, 5))
  })

  it('is one key for all when several processes start at once', async () => {
    const script = `import { loadSealingKeys } from ${JSON.stringify(new URL('../../src/adapters/keys.ts', import.meta.url).href)}
      console.log(loadSealingKeys(${JSON.stringify(dir)}).current.toString('hex'))`
    const run = promisify(execFile)
    const outputs = await Promise.all(Array.from({ length: 4 }, () => run(process.execPath, ['--input-type=module', '-e', script])))
    expect(new Set(outputs.map(o => o.stdout.trim())).size).toBe(1)
    expect(readdirSync(join(dir, 'keys'))).toEqual(['sealing.key'])
  })
})
