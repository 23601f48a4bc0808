import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { FloorFile } from '../../../src/adapters/tuf/floor-file.ts'

describe('floors', () => {
  let folder: string
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'floors-')), 'trust')
  })
  const file = (): string => join(folder, 'floors.json')

  it('are there again after a restart, whatever the case of the name, readable by the owner only', () => {
    const floors = new FloorFile(folder)
    expect(floors.of('com.acme/weather')).toBe(0)
    floors.raise(new Map([['com.acme/Weather', 7], ['com.acme/a', 1]])) // prettier-ignore
    expect(new FloorFile(folder).of('COM.acme/weather')).toBe(7)
    expect(statSync(file()).mode & 0o077).toBe(0)
    expect(readdirSync(folder)).toEqual(['floors.json'])
    expect(Object.keys((JSON.parse(readFileSync(file(), 'utf8')) as { floors: object }).floors)).toEqual(['com.acme/a', 'com.acme/weather'])
  })

  it('only rise: a replayed older version lowers none', () => {
    const floors = new FloorFile(folder)
    floors.raise(new Map([['com.acme/weather', 7]]))
    const before = statSync(file(), { bigint: true }).mtimeNs
    floors.raise(new Map([['com.acme/weather', 6]]))
    floors.raise(new Map([['com.acme/weather', 7]]))
    expect(floors.of('com.acme/weather')).toBe(7)
    expect(statSync(file(), { bigint: true }).mtimeNs).toBe(before)
    floors.raise(new Map([['com.acme/weather', 8], ['com.acme/WEATHER', 3]])) // prettier-ignore
    expect(new FloorFile(folder).of('com.acme/weather')).toBe(8)
  })

  it.each([
    '',
    '{"version":1}',
    '{"version":2,"floors":{}}',
    '{"version":1,"floors":{"com.acme/weather":0}}',
    '{"version":1,"floors":{"com.acme/weather":"7"}}',
    '{"version":1,"floors":{"weather":7}}',
    '{"version":1,"floors":{"com.acme/a":7,"com.acme/A":3}}',
    '{"version":1,"floors":{"com.acme/a":7,"com.acme/a":3}}',
  ])('stop the start where they cannot be read, for a lost floor lets an old version in: %s', text => {
    new FloorFile(folder).raise(new Map([['com.acme/weather', 7]]))
    writeFileSync(file(), text)
    expect(() => new FloorFile(folder)).toThrow(expect.objectContaining({ code: 'floors-invalid' }) as Error)
  })

  it('stop the start where others may have written them', () => {
    new FloorFile(folder).raise(new Map([['com.acme/weather', 7]]))
    chmodSync(file(), 0o666)
    expect(() => new FloorFile(folder)).toThrow(expect.objectContaining({ code: 'floors-invalid' }) as Error)
  })

  it('are not read through a link', () => {
    new FloorFile(folder).raise(new Map([['com.acme/weather', 7]]))
    renameSync(file(), join(folder, 'elsewhere'))
    symlinkSync(join(folder, 'elsewhere'), file())
    expect(() => new FloorFile(folder)).toThrow(expect.objectContaining({ code: 'floors-invalid' }) as Error)
  })

  it('that cannot be kept throw, and then count for nobody', () => {
    const floors = new FloorFile(folder)
    writeFileSync(folder, 'a file where the folder should be')
    expect(() => floors.raise(new Map([['com.acme/weather', 7]]))).toThrow(expect.objectContaining({ code: 'floors-unwritable' }) as Error)
    expect(floors.of('com.acme/weather')).toBe(0)
  })
})
