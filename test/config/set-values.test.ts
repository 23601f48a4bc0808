import { describe, expect, it } from 'vitest'
import { setValues } from '../../src/config/edit.ts'

const TEXT = `# head
listen: 127.0.0.1:8400 # where
identity:
  evaluation: { port: 8401, users: [{ name: alice }] }
upstreams:
  memory:
    stdio: { env: { FILE: { path: ../x } } }
`

describe('setting values in a text', () => {
  it('changes those values and nothing else', () => {
    const result = setValues(TEXT, [
      { path: ['upstreams', 'memory', 'stdio', 'env', 'FILE', 'path'], value: '/tmp/a "b"' },
      { path: ['identity', 'evaluation', 'port'], value: 9 },
      { path: ['listen'], value: '127.0.0.1:1' },
    ])
    expect(result).toEqual({
      text: TEXT.replace('127.0.0.1:8400', '"127.0.0.1:1"').replace('8401', '9').replace('../x', '"/tmp/a \\"b\\""'),
    })
  })

  it.each([[['nothing']], [['identity']], [['identity', 'evaluation', 'users', 'name']]])('says that %j holds no single value', path => {
    expect(setValues(TEXT, [{ path, value: 1 }])).toEqual({ problem: `\`${path.join('.')}\` holds no single value` })
  })
})
