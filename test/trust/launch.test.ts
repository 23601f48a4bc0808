// What is started is what was signed: a pin gives values to what server.json declares, and adds nothing.

import { describe, expect, it } from 'vitest'
import { isDenial } from '../../src/trust/denial.ts'
import { launchOf, type LaunchChoice } from '../../src/trust/launch.ts'
import { npmPackage, serverJson } from '../support/served.ts'

const remote = (more: object = {}): object => ({ type: 'streamable-http', url: 'https://api.example.com/mcp', ...more })
const launch = (json: object, choice: Partial<LaunchChoice> = {}) => {
  const found = launchOf(Buffer.from(serverJson('1.0.0', json)), { args: [], env: {}, headers: {}, ...choice })
  return isDenial(found) ? found.rule : found
}
const env = (...environmentVariables: object[]) => ({ packages: [npmPackage({ environmentVariables })] })
const headers = (...given: object[]) => ({ packages: [], remotes: [remote({ headers: given })] })

describe('a package', () => {
  it('gets what was signed, what the pin gives to declared variables, and signed defaults', () => {
    const declared = env({ name: 'FIXED', value: '1' }, { name: 'KEY' }, { name: 'REGION', default: 'eu' }, { name: 'UNSET' })
    expect(launch(declared, { env: { KEY: 'k' } })).toMatchObject({
      kind: 'npm',
      packageIndex: 0,
      env: { FIXED: '1', KEY: 'k', REGION: 'eu' },
    })
    expect(launch(declared, { env: { REGION: 'us' } })).toMatchObject({ env: { REGION: 'us' } })
  })
  it.each<[string, object, Partial<LaunchChoice>, string]>([
    ['a variable that was not declared (N141)', env({ name: 'KEY' }), { env: { OTHER: '1' } }, 'launch-mismatch'],
    ['a variable in another spelling', env({ name: 'KEY' }), { env: { key: '1' } }, 'launch-mismatch'],
    ['another value for one that was signed', env({ name: 'FIXED', value: '1' }), { env: { FIXED: '2' } }, 'launch-mismatch'],
    ['NODE_OPTIONS, signed', env({ name: 'NODE_OPTIONS', value: '--require /tmp/x' }), {}, 'launch-mismatch'],
    ['OPENSSL_CONF, signed: Node loads the modules it names', env({ name: 'OPENSSL_CONF', value: '/tmp/x.cnf' }), {}, 'launch-mismatch'],
    ['GCONV_PATH, signed', env({ name: 'GCONV_PATH', value: '/tmp' }), {}, 'launch-mismatch'],
    ['LD_PRELOAD as a signed default', env({ name: 'LD_PRELOAD', default: '/tmp/x.so' }), {}, 'launch-mismatch'],
    [
      'NODE_OPTIONS, declared and given by the pin',
      env({ name: 'NODE_OPTIONS' }),
      { env: { NODE_OPTIONS: '--inspect' } },
      'launch-mismatch',
    ],
    ['a name that no environment has', env({ name: 'A=B', value: '1' }), {}, 'launch-mismatch'],
    ['headers', env(), { headers: { 'x-a': '1' } }, 'launch-mismatch'],
    ['a caller’s own secret in a variable that was not declared', env({ name: 'KEY' }), { ownEnv: 'OTHER' }, 'launch-mismatch'],
    ['no value for a required variable', env({ name: 'KEY', isRequired: true }), {}, 'launch-incomplete'],
    ['a template that nobody filled in', env({ name: 'KEY', value: '{user}', isRequired: true }), {}, 'launch-incomplete'],
    [
      'a package that listens by HTTP',
      { packages: [npmPackage({ transport: { type: 'streamable-http', url: 'http://127.0.0.1:1' } })] },
      {},
      'launch-choice',
    ],
    ['a NUL in a value', env({ name: 'A', value: 'a\0b' }), {}, 'server-mismatch'],
  ])('is not started with %s', (_what, json, choice, rule) => {
    expect(launch(json, choice)).toBe(rule)
  })
  it('a required variable may be each caller’s own', () => {
    expect(launch(env({ name: 'KEY', isRequired: true }), { ownEnv: 'KEY' })).toMatchObject({ env: {} })
  })
  it('is chosen where server.json leaves a choice', () => {
    const both = { packages: [npmPackage()], remotes: [remote()] }
    expect(launch(both)).toBe('launch-choice')
    expect(launch(both, { package: 'npm' })).toMatchObject({ kind: 'npm' })
    expect(launch(both, { package: 'remote' })).toMatchObject({ kind: 'http', url: 'https://api.example.com/mcp' })
    expect(launch(both, { package: 'mcpb' })).toBe('launch-choice')
    expect(launch({ packages: [] })).toBe('launch-choice')
    expect(launch({ packages: [npmPackage(), npmPackage({ identifier: '@example/other' })] }, { package: 'npm' })).toBe('launch-choice')
  })
})

describe('a remote', () => {
  it('is reached at exactly the URL that was signed, with declared headers', () => {
    expect(launch(headers({ name: 'X-Key' }, { name: 'X-Plan', value: 'free' }), { headers: { 'x-key': 'k' } })).toEqual({
      kind: 'http',
      url: 'https://api.example.com/mcp',
      headers: { 'X-Key': 'k', 'X-Plan': 'free' },
    })
    expect(launch({ packages: [], remotes: [remote({ type: 'sse' })] })).toMatchObject({ kind: 'sse' })
  })
  it.each<[string, object, Partial<LaunchChoice>, string]>([
    ['in the clear', { packages: [], remotes: [remote({ url: 'http://api.example.com/mcp' })] }, {}, 'remote-mismatch'],
    ['at a template', { packages: [], remotes: [remote({ url: 'https://{tenant}.example.com/mcp' })] }, {}, 'remote-mismatch'],
    ['with a password in the URL', { packages: [], remotes: [remote({ url: 'https://a:b@example.com/mcp' })] }, {}, 'remote-mismatch'],
    ['with a header of the gateway’s own', headers({ name: 'Host', value: 'evil.example' }), {}, 'launch-mismatch'],
    ['with a header that splits', headers({ name: 'X-A', value: 'a\r\nHost: b' }), {}, 'launch-mismatch'],
    ['with a header that was not declared', headers({ name: 'X-A' }), { headers: { 'X-B': '1' } }, 'launch-mismatch'],
    ['with variables', headers(), { env: { A: '1' } }, 'launch-mismatch'],
    ['with arguments', headers(), { args: ['-x'] }, 'launch-mismatch'],
    ['by another transport', { packages: [], remotes: [remote({ type: 'websocket' })] }, {}, 'launch-choice'],
  ])('is not reached %s', (_what, json, choice, rule) => {
    expect(launch(json, choice)).toBe(rule)
  })
})
