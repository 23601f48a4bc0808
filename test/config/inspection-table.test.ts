import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../src/compose/upstreams.ts'
import { load, MINIMAL, snapshot } from './configs.ts'

const upstream = (inspection: string): string =>
  `${MINIMAL}upstreams: { files: { stdio: { command: 'true' }, inspection: ${inspection} } }\n`

describe('inspection', () => {
  it('an upstream counts before the whole, and what nobody names stays as it is', async () => {
    const { inspection, upstreams } = await snapshot(
      `${upstream('{ content: { private-key: hold, zero-width: off } }')}inspection: { content: { critical: block } }\n`,
    )
    expect(inspection.content.get('private-key')).toBe('block')
    const own = upstreams.get('files')?.inspection
    expect(own?.content.get('private-key')).toBe('hold')
    expect(own?.content.get('secret-token')).toBe('block')
    expect(own?.content.has('zero-width')).toBe(false)
    expect(own?.definition.get('zero-width')).toBe('block')
  })
  it.each([
    ['{ content: { secret-tokn: block } }', 'no such code is reported here; did you mean `secret-token`?'],
    ['{ content: { odd-name: block } }', 'no such code is reported here: docs/detection.md has them'],
    ['{ content: { secret-token: stop } }', 'expected one of `off`, `annotate`, `hold`, `block`, got `stop`'],
  ])('refuses %s', async (text, message) => {
    const result = await load(upstream(text))
    expect(result.ok ? [] : result.faults.map(fault => fault.message)).toEqual([message])
  })
  it('changes no connection', async () => {
    const [a, b] = await Promise.all([snapshot(upstream('{}')), snapshot(upstream('{ content: { critical: block } }'))])
    const of = ({ upstreams }: typeof a) => fingerprintOf(upstreams.get('files') ?? (undefined as never))
    expect(of(a)).toBe(of(b))
  })
})
