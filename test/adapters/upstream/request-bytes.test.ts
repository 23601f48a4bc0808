import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { legacyRequest, lineOf, modernRequest, sizeOf, type Outgoing } from '../../../src/adapters/upstream/request-bytes.ts'
import { restoreToken, progressOf } from '../../../src/adapters/upstream/progress.ts'
import { isMessageFault, readMessage } from '../../../src/mcp/message.ts'
import { callerOf, callOf } from '../../support/upstreams/world.ts'
import type { UpstreamCall } from '../../../src/bridge/upstream.ts'

const OWN = '{"name":"gatehouse","version":"0"}'
const outgoing = (more: Partial<UpstreamCall> = {}, params: object = { name: 'n' }): Outgoing => ({
  id: 7,
  call: callOf('tools/call', params, more),
  token: undefined,
})
const modern = (o: Outgoing): any => JSON.parse(modernRequest(o, OWN).toString())
const legacy = (o: Outgoing): any => JSON.parse(legacyRequest(o).toString())

describe('requests on the wire', () => {
  it('R5: a modern request carries our envelope beside the relayed members', () => {
    const meta = Buffer.from('{"traceparent":"00-a-b-01","com.example/x":{"deep":[1]}}')
    expect(modern(outgoing({ meta, logLevel: 'info', clientInfo: Buffer.from('{"name":"hôte","version":"2"}') }))).toEqual({
      jsonrpc: '2.0',
      id: 7,
      method: 'tools/call',
      params: {
        name: 'n',
        _meta: {
          traceparent: '00-a-b-01',
          'com.example/x': { deep: [1] },
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'hôte', version: '2' },
          'io.modelcontextprotocol/clientCapabilities': {},
          'io.modelcontextprotocol/logLevel': 'info',
        },
      },
    })
    expect(modern(outgoing()).params._meta['io.modelcontextprotocol/clientInfo']).toEqual(JSON.parse(OWN))
  })

  it('R73: a retry carries the answers and the state of the upstream verbatim', () => {
    const requestState = 'é "quoted" \u2028 \\'
    const { params } = modern(outgoing({ retry: { inputResponses: Buffer.from('{"k":{"action":"accept"}}'), requestState } }))
    expect(params.inputResponses).toEqual({ k: { action: 'accept' } })
    expect(params.requestState).toBe(requestState)
    expect(modern(outgoing({ retry: { inputResponses: Buffer.from('{}') } })).params).not.toHaveProperty('requestState')
  })

  it('a legacy request carries parameters and relayed members only, and no empty _meta', () => {
    expect(legacy(outgoing({ logLevel: 'info' }))).toEqual({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'n' } })
    expect(legacy(outgoing({ meta: Buffer.from('{ }') }, {}))).toEqual({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: {} })
    expect(legacy(outgoing({ meta: Buffer.from('{"a":1}') }, {})).params).toEqual({ _meta: { a: 1 } })
  })

  it('law: parameters reach the wire byte for byte, small or large, whatever they hold', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (object, isLarge) => {
        const rest: Record<string, unknown> = { ...object, ...(isLarge && { pad: 'ü'.repeat(20_000) }) }
        delete rest['_meta']
        const raw = JSON.stringify(rest)
        const params = Buffer.from(raw)
        const request = modernRequest({ id: 1, call: { ...callOf('x/y'), params }, token: undefined }, OWN)
        const bytes = request.toString()
        // The same however the object came to be in pieces.
        const pieces = [raw.slice(0, 1), raw.slice(1, 2), '', raw.slice(2)].map(piece => Buffer.from(piece))
        const other = modernRequest({ id: 1, call: { ...callOf('x/y'), params: raw === '{}' ? params : pieces }, token: undefined }, OWN)
        expect(other.toString()).toBe(bytes)
        expect(sizeOf(pieces)).toBe(params.length)
        expect(bytes).toContain(raw.slice(1, -1))
        const back = JSON.parse(bytes).params
        delete back._meta
        expect(back).toEqual(JSON.parse(raw))
      }),
    )
  })

  it('R84: the progress token on the hop is ours, however the host wrote its own', () => {
    for (const [written, token] of [
      ['{"progressToken":"host"}', '"host"'],
      ['{"a":1,"progress\\u0054oken":42,"b":2}', '42'],
      ['{"progressToken":"\\u00e9é"}', '"\\u00e9é"'],
    ] as const) {
      const o = outgoing({ meta: Buffer.from(written) })
      expect(modern(o).params._meta.progressToken).toBe(7)
      expect(o.token?.toString()).toBe(token)
    }
    const none = outgoing({ meta: Buffer.from('{"note":"no progressToken key here"}') })
    expect(legacy(none).params._meta).toEqual({ note: 'no progressToken key here' })
    expect(none.token).toBeUndefined()
  })

  it('R84: a progress notification gets the exact token bytes of the host back', () => {
    const message = readMessage(
      Buffer.from('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1,"x":"ü"}}'),
    )
    if (isMessageFault(message) || message.kind !== 'notification') throw new Error('unreadable')
    const progress = progressOf(message.doc, message.params)!
    expect(progress.token).toBe(7)
    expect(restoreToken(message.doc, progress.node, Buffer.from('"ho\\u0073t"'))?.bytes.toString()).toBe(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"ho\\u0073t","progress":1,"x":"ü"}}',
    )
  })

  it('R39: no argument of a host can start a second line on a pipe', () => {
    const params = Buffer.from('{"name":"n",\r\n"arguments":{"a":"x\u2028{\\"jsonrpc\\":\\"2.0\\"}\u2029y"}}')
    const line = lineOf(
      legacyRequest({ id: 1, call: { ...callOf('tools/call'), params, caller: callerOf() }, token: undefined }),
    ).toString()
    expect(line).not.toMatch(/[\n\r\u2028\u2029]/)
    expect(JSON.parse(line).params).toEqual({ name: 'n', arguments: { a: 'x\u2028{"jsonrpc":"2.0"}\u2029y' } })
  })
})
