// Addresses people are sent to. Attacks are named; N116 is the row of the catalogue.

import { describe, expect, it } from 'vitest'
import { checkUrl, originOf } from '../../src/gates/url.ts'

const ORIGINS = new Set(['https://accounts.example.com', 'https://xn--bcher-kva.example', 'http://127.0.0.1:8080'])
const check = (url: string): unknown => checkUrl(url, ORIGINS)

describe('addresses of permitted origins', () => {
  it.each([
    ['https://accounts.example.com/start?state=abc&code_challenge=x#here', undefined],
    ['https://accounts.example.com', 'https://accounts.example.com/'],
    ['https://accounts.example.com?x=1', 'https://accounts.example.com/?x=1'],
    ['HTTPS://ACCOUNTS.example.com/a', 'https://accounts.example.com/a'],
    ['https://accounts.example.com:443/a', 'https://accounts.example.com/a'],
    ['http://127.0.0.1:8080/a', undefined],
    // another alphabet is shown as what it is
    ['https://bücher.example/a', 'https://xn--bcher-kva.example/a'],
    ['https://accounts.example.com/ü', 'https://accounts.example.com/%C3%BC'],
  ])('%s', (url, shown) => expect(check(url)).toEqual({ url: shown ?? url }))
})

describe('N116: attack: an address that leads elsewhere than it seems', () => {
  it.each([
    ['a user that looks like the host', 'https://accounts.example.com@evil.example/'],
    ['a user at a permitted host', 'https://user@accounts.example.com/'],
    ['a user and a password', 'https://user:secret@accounts.example.com/'],
    ['an empty user', 'https://@accounts.example.com/'],
    ['another origin', 'https://evil.example/'],
    ['the origin as a name within another', 'https://accounts.example.com.evil.example/'],
    ['another port', 'https://accounts.example.com:8443/'],
    ['no encryption', 'http://accounts.example.com/'],
    ['a script', 'javascript:alert(1)'],
    ['a script behind a line break', 'java\nscript:alert(1)'],
    ['data', 'data:text/html,<script>alert(1)</script>'],
    ['a file', 'file:///etc/passwd'],
    ['a look-alike of another alphabet (IDN)', 'https://аccounts.example.com/'],
    ['the same as punycode', 'https://xn--ccounts-1fg.example.com/'],
    ['a letter that is turned into a dot', 'https://accounts。example.com.evil.example/'],
    ['text that turns its direction (bidi)', 'https://accounts.example.com/\u202emoc.live'],
    ['isolates of direction', 'https://accounts.example.com/\u2066x\u2069'],
    ['a character without width', 'https://accounts.example.com/\u200bx'],
    ['Unicode tags', 'https://accounts.example.com/\u{e0041}'],
    ['a tab', 'https://accounts.example.com/\tx'],
    ['white space in front', ' https://accounts.example.com/'],
    ['a backslash', 'https:\\\\accounts.example.com\\@evil.example'],
    ['a path that climbs', 'https://accounts.example.com/a/../b'],
    ['a loopback address', 'https://127.0.0.1/'],
    ['a private address in another notation', 'https://0x7f.1/'],
    ['an address of the network behind', 'https://169.254.169.254/latest/meta-data'],
    ['nothing', ''],
    ['no address', 'accounts.example.com'],
    ['3,000 characters', `https://accounts.example.com/${'x'.repeat(3000)}`],
  ])('%s', (_, url) => expect(check(url)).toHaveProperty('problem'))

  it.each(['token', 'access_token', 'ID_TOKEN', 'password', 'api_key', 'session'])('signs somebody in by `%s`', name => {
    expect(check(`https://accounts.example.com/?${name}=x`)).toHaveProperty('problem')
    expect(check(`https://accounts.example.com/#${name}=x`)).toHaveProperty('problem')
  })

  it('is told by its origin alone, in punycode', () => {
    const said = check('https://аccounts.example.com/secret-path?x=hidden') as { origin: string; problem: string }
    expect(said.origin).toBe('https://xn--ccounts-1fg.example.com')
    expect(JSON.stringify(said)).not.toMatch(/secret-path|hidden/)
  })
  it('without origins leads nowhere', () => expect(checkUrl('https://accounts.example.com/', new Set())).toHaveProperty('problem'))
})

describe('origins of the configuration', () => {
  it.each(['https://a.example', 'https://a.example:8443', 'http://localhost:3000', 'http://[::1]:3000'])('%s', text =>
    expect(originOf(text)).toBe(text),
  )
  it.each([
    'http://a.example',
    'https://a.example/',
    'https://A.example',
    'https://a.example:443',
    'https://bücher.example',
    'a.example',
    '',
  ])('not %s', text => expect(originOf(text)).toBeUndefined())
})
