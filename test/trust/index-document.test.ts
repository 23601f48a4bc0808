import { describe, expect, it } from 'vitest'
import { indexPart, readIndex, whyNotIndexed, writeIndex } from '../../src/trust/index-document.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const version = (name: string, sequence: number, digest = A, standing: 'admitted' | 'deprecated' | 'revoked' = 'admitted') => ({ version: name, sequence, digest, standing }) // prettier-ignore
const indexed = (versions: readonly ReturnType<typeof version>[]) => new Map(versions.map(each => [each.version, each]))
const text = writeIndex(new Map([['com.acme/Weather', indexed([version('1.1.0', 2, B, 'revoked'), version('1.0.0', 1)])], ['com.acme/a', indexed([])]])) // prettier-ignore
const index = readIndex(Buffer.from(text))
const asked = { name: 'com.acme/weather', version: '1.0.0', digest: A, sequence: 1 }

describe('the signed index', () => {
  it('is read as it was written, in one order whatever the order it was given in', () => {
    expect(text).toBe(
      `{"version":1,"servers":{"com.acme/Weather":[{"version":"1.0.0","sequence":1,"sha256":"${A}","standing":"admitted"},{"version":"1.1.0","sequence":2,"sha256":"${B}","standing":"revoked"}],"com.acme/a":[]}}\n`,
    )
    expect(index.get('com.acme/weather')?.get('1.1.0')).toEqual(version('1.1.0', 2, B, 'revoked'))
  })

  it('says nothing against what it names, whatever the case of the name, nor about servers it names nowhere', () => {
    expect(whyNotIndexed(index, asked)).toBeUndefined()
    expect(whyNotIndexed(index, { ...asked, name: 'COM.acme/weather' })).toBeUndefined()
    expect(whyNotIndexed(index, { ...asked, name: 'com.acme/other' })).toBeUndefined()
    expect(whyNotIndexed(new Map(), asked)).toBeUndefined()
  })

  it.each([
    ['a version that the registry never admitted', { version: '0.9.0' }, 'index-absent'],
    ['one more version of a server of which none may be known', { name: 'com.acme/a' }, 'index-absent'],
    ['another server.json under a known version', { digest: B }, 'index-mismatch'],
    ['a known version as a newer one than it is', { sequence: 3 }, 'index-mismatch'],
    ['a version that was revoked', { version: '1.1.0', digest: B, sequence: 2 }, 'version-revoked'],
  ])('refuses %s', (_, change, rule) => {
    expect(whyNotIndexed(index, { ...asked, ...change })?.rule).toBe(rule)
  })

  const entry = `{"version":"1.0.0","sequence":1,"sha256":"${A}","standing":"admitted"}`
  it.each([
    '',
    '[]',
    '{"version":1}',
    '{"version":2,"servers":{}}',
    '{"version":1,"servers":{},"more":1}',
    '{"version":1,"servers":{"weather":[]}}',
    '{"version":1,"servers":{"__proto__":[]}}',
    '{"version":1,"servers":{"com.acme/a":[],"com.acme/A":[]}}',
    '{"version":1,"servers":{"com.acme/a":[],"com.acme/a":[]}}',
    '{"version":1,"servers":{"com.acme/a":{}}}',
    `{"version":1,"servers":{"com.acme/a":[${entry},${entry}]}}`,
    `{"version":1,"servers":{"com.acme/a":[${entry},${entry.replace('1.0.0', '1.0.1')}]}}`,
    `{"version":1,"servers":{"com.acme/a":[${entry.replace('"admitted"', '"quarantined"')}]}}`,
    `{"version":1,"servers":{"com.acme/a":[${entry.replace(A, A.toUpperCase())}]}}`,
    `{"version":1,"servers":{"com.acme/a":[${entry.replace('"sequence":1', '"sequence":0')}]}}`,
    `{"version":1,"servers":{"com.acme/a":[${entry.replace('"sequence":1', '"sequence":"1"')}]}}`,
    `{"version":1,"servers":{"com.acme/a":[${entry.replace('1.0.0', '1.0.0\\u0000')}]}}`,
    `{"version":1,"servers":{"com.acme/a":[${entry.replace('}', ',"x":1}')}]}}`,
  ])('is not read where anything in it could be read in two ways: %s', bad => {
    expect(() => readIndex(Buffer.from(bad))).toThrow(expect.objectContaining({ code: 'index-invalid' }) as Error)
  })

  it('has its parts by name alone', () => {
    expect(indexPart('com.acme/Weather')).toBe(indexPart('com.acme/weather'))
    expect(indexPart('com.acme/weather')).toMatch(/^[0-9a-f]{2}$/)
    const part = indexPart('com.acme/a')
    expect(readIndex(Buffer.from('{"version":1,"servers":{"com.acme/a":[]}}'), part).size).toBe(1)
    expect(() => readIndex(Buffer.from(text), part)).toThrow(expect.objectContaining({ code: 'index-invalid' }) as Error)
  })
})
