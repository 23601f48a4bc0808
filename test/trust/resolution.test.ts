import { describe, expect, it } from 'vitest'
import { Fault } from '../../src/kernel/errors.ts'
import { readResolution } from '../../src/trust/resolution.ts'

const NAME = 'com.example/weather'
const SERVER = `{"name":"${NAME}","version":"1.0.0","description":"a \\u003cb"}`
const answer = (change: Record<string, unknown> = {}): string => {
  const rest = {
    name: NAME,
    version: '1.0.0',
    standing: 'admitted',
    bundles: [{ sha256: 'x', bundle: { a: 1 } }],
    revocations: [],
    ...change,
  }
  return `${JSON.stringify(rest).slice(0, -1)},"server":${SERVER}}`
}
const read = (text: string) => readResolution(Buffer.from(text), NAME, '1.0.0')
const revocation = (change: object = {}): object => ({ kind: 'key', target: 'abc=', reason: 'lost', action: 'block', ...change })

describe('what another registry answers of a version', () => {
  it('is taken byte for byte', () => {
    const { found, withdrawn } = read(answer())
    expect([found.serverJson.toString(), found.bundles.map(String), found.isRevoked, withdrawn]).toEqual([SERVER, ['{"a":1}'], false, []])
    expect(read(answer({ standing: 'revoked' })).found.isRevoked).toBe(true)
    expect(read(answer({ name: 'Com.Example/Weather' })).found.bundles).toHaveLength(1)
  })
  it('names the definitions that differences are shown with', () => {
    const documents = [
      { kind: 'definitions', sha256: 'a'.repeat(64) },
      { kind: 'surface', sha256: 'b'.repeat(64) },
    ]
    expect(read(answer({ documents })).definitions).toBe('a'.repeat(64))
    expect(read(answer({ documents: [{ kind: 'definitions', sha256: '../../x' }] })).definitions).toBe(undefined)
    expect(read(answer()).definitions).toBe(undefined)
  })
  it('takes away what it says that blocks, and no warning', () => {
    const { withdrawn } = read(
      answer({
        revocations: [revocation({ notBefore: '2026-01-01T00:00:00Z' }), revocation({ action: 'warn' }), revocation({ notBefore: 7 })],
      }),
    )
    expect(withdrawn).toEqual([
      { kind: 'key', target: 'abc=', notBeforeMs: Date.UTC(2026, 0, 1) },
      { kind: 'key', target: 'abc=' },
    ])
  })
  it.each<[string, string]>([
    ['of another version', answer({ version: '1.0.1' })],
    ['of another server', answer({ name: 'com.example/other' })],
    ['of no version', answer({ version: 100 })],
    ['without a server.json', JSON.stringify({ name: NAME, version: '1.0.0', bundles: [], revocations: [] })],
    ['without bundles', answer({ bundles: 'none' })],
    ['with a bundle that is none', answer({ bundles: [{ bundle: 'x' }] })],
    ['with bundles without end', answer({ bundles: Array.from({ length: 65 }, () => ({ bundle: {} })) })],
    ['without revocations: then it could hold them back by leaving them out', answer({ revocations: undefined })],
    ['with a revocation of an unknown kind', answer({ revocations: [revocation({ kind: 'planet' })] })],
    ['with a revocation of nothing', answer({ revocations: [revocation({ target: undefined })] })],
    ['with a revocation that is none', answer({ revocations: ['x'] })],
    ['that says two things at once', answer().replace('{"name"', '{"version":"1.0.0","name"')],
    ['that is no JSON', answer().slice(1)],
  ])('attack: an answer %s is none', (_what, text) => {
    expect(() => read(text)).toThrow(Fault)
  })
})
