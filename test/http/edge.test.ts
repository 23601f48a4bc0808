// The first look at a request: attacks on headers, Host and Origin.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkAuthority, checkContent, clientAddress, gatekeeper, EdgeHeaders, readHeaders } from '../../src/http/edge.ts'

const keeper = gatekeeper({
  publicUrl: 'http://127.0.0.1:8400',
  port: 8400,
  isLoopback: true,
  allowedHosts: [],
  allowedOrigins: ['https://app.example'],
})
const given = (fields: Partial<EdgeHeaders>): EdgeHeaders => Object.assign(new EdgeHeaders(), fields)
const headers = (...raw: string[]): EdgeHeaders => readHeaders(raw) as EdgeHeaders

describe('headers', () => {
  it.each(['Authorization', 'Host', 'Mcp-Name', 'Mcp-Method', 'MCP-Protocol-Version', 'Mcp-Session-Id', 'Origin', 'Content-Type'])(
    'N017 N066: a second %s is refused, whatever the values and letter case',
    name => {
      expect(readHeaders([name, 'a', name.toLowerCase(), 'a'])).toMatchObject({ stop: 'header-invalid' })
    },
  )
  it('N066: Mcp_Name, the underscore twin of a security header, is refused', () => {
    expect(readHeaders(['Mcp_Name', 'evil'])).toMatchObject({ stop: 'header-invalid' })
  })
  it('N067: the same Mcp-Param header twice is refused in any letter case', () => {
    expect(readHeaders(['Mcp-Param-Region', 'a', 'mcp-param-region', 'b'])).toMatchObject({ stop: 'header-invalid' })
  })
  it('N020 N029 N073: identity-like and internal headers of a stranger are not even read', () => {
    const read = headers('X-User', 'b', 'X-Forwarded-User', 'b', 'x-mcp-authorized', '1', 'X-Forwarded-Host', 'evil', 'Mcp-User', 'b')
    expect(read).toEqual({ params: [] })
  })
  it('never throws and never repeats a header value in a refusal', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 40 }), raw => {
        const read = readHeaders(raw)
        expect(read).toBeTypeOf('object')
      }),
    )
  })
})

describe('Host and Origin', () => {
  it.each(['attacker.com', 'attacker.com:8400', '127.0.0.1:8401', 'localhost', '127.0.0.1.evil.example:8400', ''])(
    'N061: DNS rebinding through Host %j is refused',
    host => {
      expect(checkAuthority(given({ host }), keeper)).toMatchObject({ stop: 'host-forbidden' })
    },
  )
  it('a missing Host is refused', () => {
    expect(checkAuthority(given({}), keeper)).toMatchObject({ stop: 'host-forbidden' })
  })
  it.each([
    'https://evil.example',
    'null',
    'file://',
    'http://localhost.evil',
    'http://localhost:8401',
    'https://app.example.evil',
    'https://sub.app.example',
    'https://app.example:444',
    'http://app.example',
  ])('N060: Origin %s is refused', origin => {
    expect(checkAuthority(given({ host: 'localhost:8400', origin }), keeper)).toMatchObject({ stop: 'origin-forbidden' })
  })
  it.each([undefined, 'http://localhost:8400', 'http://127.0.0.1:8400', 'https://app.example'])('Origin %s is accepted', origin => {
    expect(checkAuthority(given({ host: '127.0.0.1:8400', origin }), keeper)).toBeUndefined()
  })
})

describe('content', () => {
  it.each([
    'text/plain',
    'multipart/form-data',
    undefined,
    'application/json; charset=utf-7',
    'application/json;charset=utf-16',
    'application/jsonx',
  ])('N075: %s is refused', contentType => {
    expect(checkContent(given({ contentType }))).toMatchObject({ stop: 'media-type-unsupported' })
  })
  it.each(['gzip', 'br', 'deflate', 'gzip, identity', 'x-unknown'])('N075: a %s body is refused before it is read', contentEncoding => {
    expect(checkContent(given({ contentType: 'application/json', contentEncoding }))).toMatchObject({ stop: 'media-type-unsupported' })
  })
  it.each(['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"'])('%s is accepted', contentType => {
    expect(checkContent(given({ contentType }))).toBeUndefined()
  })
})

describe('client address', () => {
  it('N073: X-Forwarded-For of an untrusted peer is ignored', () => {
    expect(clientAddress('203.0.113.9', given({ forwardedFor: '10.0.0.1' }), () => false)).toBe('203.0.113.9')
  })
  it('takes the last hop a trusted proxy reports, and nothing that is no address', () => {
    expect(clientAddress('::ffff:10.0.0.2', given({ forwardedFor: '1.1.1.1, 203.0.113.9' }), a => a === '10.0.0.2')).toBe('203.0.113.9')
    expect(clientAddress('10.0.0.2', given({ forwardedFor: '<script>' }), () => true)).toBe('10.0.0.2')
  })
})
