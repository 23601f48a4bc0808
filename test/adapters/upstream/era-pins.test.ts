import { mkdtempSync, readFileSync, statSync, writeFileSync, mkdirSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { EraPinFile } from '../../../src/adapters/upstream/era-pins.ts'

describe('era pins', () => {
  let folder: string
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'pins-')), 'trust')
  })
  const file = (): string => join(folder, 'era-pins.json')

  it('are there again after a restart, readable by the owner only', () => {
    const pins = new EraPinFile(folder)
    pins.set('b', { era: 'modern', at: '2026-08-01T00:00:00.000Z' })
    pins.set('a', { era: 'legacy', at: '2026-08-02T00:00:00.000Z' })
    expect(new EraPinFile(folder).get('b')).toEqual({ era: 'modern', at: '2026-08-01T00:00:00.000Z' })
    expect(statSync(file()).mode & 0o077).toBe(0)
    expect(Object.keys(JSON.parse(readFileSync(file(), 'utf8')) as object)).toEqual(['a', 'b'])
  })

  it('can be removed by the operator', () => {
    const pins = new EraPinFile(folder)
    pins.set('a', { era: 'modern', at: '2026-08-01T00:00:00.000Z' })
    pins.remove('a')
    expect(pins.get('a')).toBeUndefined()
    expect(new EraPinFile(folder).get('a')).toBeUndefined()
  })

  it.each(['{', '[]', '{"a":{"era":"future","at":"2026-08-01"}}', '{"a":{"era":"modern","at":"yesterday"}}', '{"a":null}'])(
    'refuse to start from a damaged file, which would allow a downgrade: %s',
    text => {
      mkdirSync(folder)
      writeFileSync(file(), text)
      expect(() => new EraPinFile(folder)).toThrow(expect.objectContaining({ code: 'era-pins-invalid' }))
    },
  )

  it('say so when they cannot be kept, and do not pretend', () => {
    const pins = new EraPinFile(folder)
    writeFileSync(folder, 'a file where the folder should be')
    chmodSync(folder, 0o400)
    expect(() => pins.set('a', { era: 'modern', at: '2026-08-01T00:00:00.000Z' })).toThrow(
      expect.objectContaining({ code: 'era-pins-unwritable' }),
    )
    expect(pins.get('a')).toBeUndefined()
  })
})
