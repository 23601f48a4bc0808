// Where compiled code may be kept between starts: whoever can write there runs code in the gateway.

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compileCacheFolder } from '../../src/cli/compile-cache.ts'

const uid = process.getuid?.() ?? 0
let home = ''
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'gatehouse-home-')))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const made = (...path: string[]): string => {
  const folder = join(home, ...path)
  mkdirSync(folder, { recursive: true })
  return folder
}

describe('the folder of compiled code', () => {
  it('is made below the home, for its user alone', () => {
    const folder = compileCacheFolder({ env: {}, home, uid })
    expect(folder).toBe(join(home, '.cache/gatehouse/compiled'))
    expect(statSync(folder ?? '').mode & 0o777).toBe(0o700)
  })
  it('is below XDG_CACHE_HOME where that is a whole path', () => {
    expect(compileCacheFolder({ env: { XDG_CACHE_HOME: join(home, 'xdg') }, home, uid })).toBe(join(home, 'xdg/gatehouse/compiled'))
    expect(compileCacheFolder({ env: { XDG_CACHE_HOME: 'xdg' }, home, uid })).toBe(join(home, '.cache/gatehouse/compiled'))
  })
  it('is none where files have no owner that could be looked at', () => {
    expect(compileCacheFolder({ env: {}, home, uid: undefined })).toBeUndefined()
  })
  it('is none where the home cannot be written', () => {
    expect(compileCacheFolder({ env: {}, home: '/proc/self', uid })).toBeUndefined()
  })
})

describe('attacks', () => {
  it('somebody else made the folder before us', () => {
    made('.cache/gatehouse/compiled')
    expect(compileCacheFolder({ env: {}, home, uid: uid + 1 })).toBeUndefined()
  })
  it.each([0o777, 0o770, 0o1777])('others may write into the folder (%o)', mode => {
    chmodSync(made('.cache/gatehouse/compiled'), mode)
    expect(compileCacheFolder({ env: {}, home, uid })).toBeUndefined()
  })
  it('others may put another folder in its place', () => {
    made('.cache/gatehouse/compiled')
    chmodSync(join(home, '.cache'), 0o777)
    expect(compileCacheFolder({ env: {}, home, uid })).toBeUndefined()
  })
  it('a home that everybody can write to, as /tmp: nothing is even made', () => {
    chmodSync(home, 0o1777)
    expect(compileCacheFolder({ env: {}, home, uid })).toBeUndefined()
    expect(readdirSync(home)).toEqual([])
  })
  it('a link leads to a folder that others may write to', () => {
    chmodSync(made('shared'), 0o777)
    made('shared/compiled')
    made('.cache')
    symlinkSync(join(home, 'shared'), join(home, '.cache/gatehouse'))
    expect(compileCacheFolder({ env: {}, home, uid })).toBeUndefined()
  })
})

describe('gatehouse', () => {
  const run = (env: Record<string, string>): string =>
    execFileSync(process.execPath, [join(import.meta.dirname, '../../src/cli.ts'), 'version'], {
      env: { PATH: process.env['PATH'], HOME: home, ...env },
      encoding: 'utf8',
    })
  const kept = (): boolean =>
    existsSync(join(home, '.cache/gatehouse/compiled')) && readdirSync(join(home, '.cache/gatehouse/compiled')).length > 0

  it('keeps what it compiled, and starts from it', () => {
    const first = run({})
    expect(kept()).toBe(true)
    expect(run({})).toBe(first)
  })
  it('leaves the choice to the settings of node', () => {
    run({ NODE_DISABLE_COMPILE_CACHE: '1' })
    expect(kept()).toBe(false)
  })
  it('keeps nothing where others could change it', () => {
    chmodSync(made('.cache/gatehouse/compiled'), 0o777)
    run({})
    expect(kept()).toBe(false)
  })
})
