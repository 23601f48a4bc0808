// N135, N136, N138 and what else gets past simple checks of paths, commands and URLs.

import { describe, expect, it } from 'vitest'
import { ArgumentGuard } from '../../src/arguments/guard.ts'
import { cpuTimer } from '../support/cpu.ts'
import { faultOf, problemOf } from './support.ts'

describe('paths under /srv/data', () => {
  const roots = ['/srv/data']
  it.each([
    '/srv/data',
    '/srv/data/',
    '/srv/data/a.txt',
    '/srv//data/./a',
    '/srv/data/ä/b c.txt',
    '/srv/data/[id].ts',
    '/srv/data/..a/b..c',
    null,
  ])('permits %j', path => expect(problemOf({ roots }, path)).toBe(undefined))
  it.each([
    ['N136: a root that is only a prefix', '/srv/data-evil'],
    ['N136: the same with a dot', '/srv/data.evil/x'],
    ['N136: another case', '/SRV/data/x'],
    ['the parent', '/srv'],
    ['nothing', ''],
    ['N135: climbing', '/srv/data/../../etc/passwd'],
    ['N135: climbing that stays inside', '/srv/data/a/../b'],
    ['N135: climbing at the end', '/srv/data/..'],
    ['N135: encoded', '/srv/data/%2e%2e%2fetc'],
    ['N135: encoded twice', '/srv/data/..%255c..%255cetc'],
    ['N135: backslashes', '/srv/data\\..\\..\\etc'],
    ['N135: a share', '\\\\host\\share'],
    ['a share with slashes', '//host/srv/data'],
    ['N135: a NUL', '/srv/data/a\u0000.txt'],
    ['a line break', '/srv/data/a\nb'],
    ['a file URI where paths are expected', 'file:///srv/data/a'],
    ['N135: a file URI with a host', 'file://host/srv/data'],
    ['N135: mixed case', 'FiLe:///etc/passwd'],
    ['a short file URI', 'file:/etc/passwd'],
    ['a drive', 'C:/srv/data'],
    ['a stream', '/srv/data/a.txt::$DATA'],
    ['a device', '/srv/data/CON'],
    ['a device with an extension', '/srv/data/nul.txt'],
    ['a trailing dot', '/srv/data/secret.'],
    ['three dots', '/srv/data/.../x'],
    ['a trailing space', '/srv/data/.. /x'],
    ['a home', '~/x'],
    ['a variable', '/srv/data/$HOME'],
    ['a variable of Windows', '/srv/data/%APPDATA%'],
    ['a pattern', '/srv/data/.*/x'],
    ['braces', '/srv/data/{.,x}./etc'],
    ['a full-width slash', '/srv/data/..／..／etc'],
    ['full-width dots', '/srv/data/．．/etc'],
    ['a fraction slash', '/srv/data⁄x'],
    ['two dots in one sign', '/srv/data/‥/etc'],
    ['a yen sign', '/srv/data/..¥etc'],
    ['a zero-width sign', '/srv/data/.\u200b./etc'],
    ['a direction override', '/srv/data/\u202etxt'],
    ['a relative path', 'data/a'],
    ['a number', 7],
    ['a list', ['/srv/data/a']],
    ['an object', { toString: '/srv/data/a' }],
  ])('refuses %s: %j', (_, path) => {
    expect(problemOf({ roots }, path)).toBeTypeOf('string')
  })
  it('permits relative paths where the server runs, and file URIs, where those are the roots', () => {
    expect(problemOf({ roots: ['.'] }, './src/a.ts')).toBe(undefined)
    expect(problemOf({ roots: ['.'] }, '/etc/passwd')).toBe('lies outside of its roots')
    expect(problemOf({ roots: ['.'] }, 'a/../../b')).toBe('climbs: it has a segment `..`')
    const file = { roots: ['file:///srv/data'] }
    for (const uri of ['file:///srv/data/a%20b', 'FILE:///srv/data']) expect([uri, problemOf(file, uri)]).toEqual([uri, undefined])
    for (const uri of [
      'file:///srv/data-evil',
      'file://localhost/srv/data',
      'file:////srv/data',
      'file:///srv/data/%2e%2e/x',
      'file:///srv/data/..%2fx',
      'file:///srv/data/%252e',
      'file:///srv/data/a?x',
      'file:///srv/data/a#x',
      'file:///srv/data/%c0%ae',
      'file:///srv/data/%ef%bc%8f',
      'file:///srv/data/a%3ab',
      '/srv/data/a',
      'file:///C:/srv/data',
    ])
      expect([uri, problemOf(file, uri)]).toEqual([uri, expect.any(String)])
  })
  it('`/` is a root like any other', () => {
    expect(problemOf({ roots: ['/'] }, '/etc/passwd')).toBe(undefined)
    expect(problemOf({ roots: ['/'] }, '/a/../b')).toBeTypeOf('string')
  })
})

describe('URLs', () => {
  const url = { schemes: ['https'], hosts: ['api.example.com', '*.cdn.example.com', 'xn--bcher-kva.example'], ports: [] }
  it.each([
    'https://api.example.com',
    'HTTPS://API.example.com:443/a?b=c#d',
    'https://a.b.cdn.example.com/x',
    'https://xn--bcher-kva.example/',
  ])('permits %s', text => expect(problemOf({ url }, text)).toBe(undefined))
  it.each([
    'http://api.example.com',
    'https://evil.example',
    'https://api.example.com.evil.example',
    'https://cdn.example.com',
    'https://evilcdn.example.com',
    'https://api.example.com@evil.example',
    'https://user:pw@api.example.com',
    'https://api.example.com\\@evil.example',
    'https://evil.example#@api.example.com',
    'https://evil.example\\.cdn.example.com',
    'https://api.example.com:8443',
    'https://api.example.com:0443',
    'https://api.example.com.',
    'https://127.0.0.1',
    'https://2130706433',
    'https://0x7f000001',
    'https://0177.0.0.1',
    'https://127.1',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://①②⑦.0.0.1',
    'https://bücher.example',
    'https://api%2eexample.com',
    'https://api.example.com\t.evil.example',
    ' https://api.example.com',
    'https:api.example.com',
    'https:/api.example.com',
    'https:///api.example.com',
    '//api.example.com',
    'file:///etc/passwd',
    'javascript:alert(1)//https://api.example.com',
    '',
  ])('refuses %s', text => {
    expect(problemOf({ url }, text)).toBeTypeOf('string')
  })
  it('an address is permitted where exactly it is listed, and only at listed ports', () => {
    const local = { schemes: ['http'], hosts: ['127.0.0.1', '[::1]'], ports: [8080] }
    expect(problemOf({ url: local }, 'http://127.0.0.1:8080/')).toBe(undefined)
    expect(problemOf({ url: local }, 'http://[::1]:8080/')).toBe(undefined)
    for (const text of ['http://127.0.0.1/', 'http://2130706433:8080/', 'http://127.1:8080/', 'http://[0:0:0:0:0:0:0:1]:8080/'])
      expect([text, problemOf({ url: local }, text)]).toEqual([text, expect.any(String)])
  })
})

describe('N138: commands and identifiers', () => {
  const command = ['git', '/usr/bin/ls']
  it('permits listed programs, as a line or as words', () => {
    for (const text of ['git status', '/usr/bin/ls -la /srv', ['git', 'log', '--oneline']])
      expect(problemOf({ command }, text)).toBe(undefined)
  })
  it.each([
    'rm -rf /',
    'git;id',
    'git status && id',
    'git `id`',
    'git $(id)',
    'git status | sh',
    'git status > /etc/x',
    'git\nid',
    'git\u2028id',
    'git\u00a0x',
    ' git',
    'git-evil',
    './git',
    'GIT',
    'git "a"',
    "git 'a'",
    'git %PATH%',
    'git ^x',
    'git #x',
    '',
    [],
    ['rm'],
    ['git', 'a;b'],
    ['git', 7],
    ['git', ['a']],
    7,
  ])('refuses %j', text => {
    expect(problemOf({ command }, text)).toBeTypeOf('string')
  })
  it.each(['main', 'feature-1', 'v1.2_3', 'a/b'])('the identifier %s', text => expect(problemOf({ identifier: '/' }, text)).toBe(undefined))
  it.each(['--upload-pack=x', '-x', '', '.hidden', 'a b', 'a;b', "a' or '1'='1", 'a\n', 'a\u0000', 'ä', 'a|where x', 'a'.repeat(300), 7])(
    'no identifier: %j',
    text => expect(problemOf({ identifier: '/' }, text)).toBeTypeOf('string'),
  )
})

describe('N094, and where rules look', () => {
  it('a pattern has to fit the whole text, and is tried in bounded steps', () => {
    expect(problemOf({ pattern: 'a|b' }, 'a')).toBe(undefined)
    expect(problemOf({ pattern: 'a|b' }, 'ab')).toBe('does not fit its pattern')
    const spent = cpuTimer()
    expect(problemOf({ pattern: '(a+)+' }, `${'a'.repeat(100_000)}!`)).toBeTypeOf('string')
    expect(problemOf({ maxLength: 2 }, '😀😀')).toBe(undefined)
    expect(problemOf({ maxLength: 2 }, 'abc')).toBe('is longer than 2 characters')
    for (const rule of [
      { roots: ['/srv'] },
      { url: { schemes: ['https'], hosts: ['a'], ports: [] } },
      { command: ['git'] },
      { identifier: '' },
    ])
      for (const text of [
        '/'.repeat(100_000),
        'https://a/'.repeat(10_000),
        '%2e'.repeat(30_000),
        'git '.repeat(25_000),
        `/srv/${'a/'.repeat(4_000)}`,
      ])
        problemOf(rule, text)
    expect(spent()).toBeLessThan(500)
  })
  it('every item of a list is judged, and what is no list where items are expected is refused', () => {
    const rule = { pointer: '/files/*/path', roots: ['/srv'] }
    expect(faultOf(rule, { files: [{ path: '/srv/a' }, { path: '/etc/x' }] })).toEqual({
      rule: 'r',
      pointer: '/files/*/path',
      problem: 'lies outside of its roots',
    })
    expect(faultOf(rule, { files: [{ path: '/srv/a' }, {}, { path: null }] })).toBe(undefined)
    expect(faultOf(rule, { files: { path: '/etc/x' } })?.problem).toBe('expected a list')
    expect(faultOf(rule, { files: ['/etc/x'] })?.problem).toBe('expected an object')
    expect(faultOf(rule, {})).toBe(undefined)
    expect(faultOf({ pointer: '/a/b/c/d/e/f', identifier: '' }, { a: { b: { c: { d: { e: { f: '-x' } } } } } })?.problem).toBeTypeOf(
      'string',
    )
    expect(faultOf({ pointer: '/~2/a~1b', maxLength: 1 }, { '*': { 'a/b': 'xx' } })?.problem).toBe('is longer than 1 characters')
  })
  it('names of prototypes are members like any other', () => {
    expect(faultOf({ pointer: '/constructor/name', maxLength: 0 }, {})).toBe(undefined)
    expect(faultOf({ pointer: '/__proto__/a', maxLength: 0 }, '{"__proto__":{"a":"x"}}')?.problem).toBe('is longer than 0 characters')
  })
  it('costs what names the tool, however many rules there are', () => {
    const rules = Array.from({ length: 1_000 }, (_, i) => ({ id: `r${i}`, tools: [`t${i}`], prompts: [], pointer: '/x', maxLength: i }))
    const guard = new ArgumentGuard({ validate: 'off', rules, resourceRoots: [] })
    expect(
      guard.fault('tool', 'none', {
        doc: { bytes: Buffer.from('1'), root: { kind: 'number', start: 0, end: 1 } },
        node: { kind: 'number', start: 0, end: 1 },
      }),
    ).toBe(undefined)
  })
})
