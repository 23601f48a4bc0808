// URIs in results of aggregated endpoints: renamed wherever a host would follow them, and not a byte besides.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitUri } from '../../src/catalog/names.ts'
import { rewriteResult } from '../../src/catalog/rewrite.ts'

const rewrite = (method: string, result: string): string => rewriteResult('files', method, Buffer.from(result)).toString()

describe('renaming inside results', () => {
  it.each([
    [
      'tools/call',
      '{"content":[{"type":"resource_link","uri":"file:///a","name":"a"}]}',
      '{"content":[{"type":"resource_link","uri":"files+file:///a","name":"a"}]}',
    ],
    [
      'tools/call',
      '{"content":[{"type":"resource","resource":{"text":"t", "uri" : "file:///a"}}]}',
      '{"content":[{"type":"resource","resource":{"text":"t", "uri" : "files+file:///a"}}]}',
    ],
    [
      'tools/call',
      '{"content":[{"type":"tool_result","content":[{"type":"resource_link","uri":"u:1"}]}]}',
      '{"content":[{"type":"tool_result","content":[{"type":"resource_link","uri":"files+u:1"}]}]}',
    ],
    [
      'tools/call',
      '{"content":[],"_meta":{"ui":{"resourceUri":"ui://x/y"},"ui/resourceUri":"ui://x/y"}}',
      '{"content":[],"_meta":{"ui":{"resourceUri":"ui://files/x/y"},"ui/resourceUri":"ui://files/x/y"}}',
    ],
    [
      'prompts/get',
      '{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a:b","blob":""}}}]}',
      '{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"files+a:b","blob":""}}}]}',
    ],
    [
      'prompts/get',
      '{"messages":[{"content":[{"type":"resource_link","uri":"a:b"}]}]}',
      '{"messages":[{"content":[{"type":"resource_link","uri":"files+a:b"}]}]}',
    ],
    [
      'resources/read',
      '{"contents":[{"uri":"a:b","text":"uri"},{"uri":"ui://x","text":""}],"ttlMs":5}',
      '{"contents":[{"uri":"files+a:b","text":"uri"},{"uri":"ui://files/x","text":""}],"ttlMs":5}',
    ],
    [
      'tasks/get',
      '{"taskId":"t","result":{"content":[{"type":"resource_link","uri":"a:b"}]}}',
      '{"taskId":"t","result":{"content":[{"type":"resource_link","uri":"files+a:b"}]}}',
    ],
  ])('%s', (method, before, after) => {
    expect(rewrite(method, before)).toBe(after)
  })

  it('finds keys and types that are written with escapes: nothing slips through unrenamed', () => {
    expect(
      rewrite('tools/call', '{"\\u0063ontent":[{"\\u0074ype":"resource\\u005flink","\\u0075\\u0072\\u0069":"other+file:///secret"}]}'),
    ).toBe('{"\\u0063ontent":[{"\\u0074ype":"resource\\u005flink","\\u0075\\u0072\\u0069":"files+other+file:///secret"}]}')
    expect(rewrite('resources/read', '{"contents":[{"ur\\u0069":"u\\u0069:\\/\\/x"}]}')).toBe('{"contents":[{"ur\\u0069":"ui://files/x"}]}')
  })

  it('leaves everything else alone: text, structured content, arguments, other blocks and methods, in the very same buffer', () => {
    const untouched = [
      [
        'tools/call',
        '{"content":[{"type":"text","text":"\\"uri\\": file:///a"}],"structuredContent":{"uri":"a:b","resource":{"uri":"a:b"}}}',
      ],
      ['tools/call', '{"content":[{"type":"x-vendor","uri":"a:b"}]}'],
      ['tools/call', '{"content":[{"type":"resource_link","uri":1},{"type":"resource","resource":"uri"},null,1,"uri"]}'],
      ['tools/call', '{"content":"uri","_meta":[{"uri":1}]}'],
      ['resources/read', '{"contents":{"uri":"a:b"}}'],
      ['completion/complete', '{"completion":{"values":["uri"]},"content":[{"type":"resource_link","uri":"a:b"}]}'],
      ['constructor', '{"content":[{"type":"resource_link","uri":"a:b"}]}'],
      ['tools/call', '{}'],
    ] as const
    for (const [method, text] of untouched) {
      const bytes = Buffer.from(text)
      expect(rewriteResult('files', method, bytes), text).toBe(bytes)
    }
  })

  it('is reversible for whatever URI, spacing and neighbours, and changes only the URIs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ uri: fc.string({ unit: 'grapheme' }), title: fc.string({ unit: 'binary' }), big: fc.integer() })),
        fc.nat(3),
        (links, indent) => {
          const of = (rename: (uri: string) => string): string =>
            JSON.stringify({ content: links.map(l => ({ ...l, type: 'resource_link', uri: rename(l.uri) })), isError: false }, null, indent)
          const result = rewrite(
            'tools/call',
            of(uri => uri),
          )
          const found = (JSON.parse(result) as { content: { uri: string }[] }).content.map(l => splitUri(l.uri))
          expect(found).toEqual(links.map(l => ({ alias: 'files', uri: l.uri })))
          expect(result).toBe(of(uri => (uri.startsWith('ui://') ? `ui://files/${uri.slice(5)}` : `files+${uri}`)))
        },
      ),
    )
  })

  it('a huge structured content beside the blocks does no harm; too many blocks to look at are a fault, never half renamed', () => {
    const links = (count: number): string => Array.from({ length: count }, () => '{"type":"resource_link","uri":"a:b"}').join(',')
    const structured = `{"content":[${links(2)}],"structuredContent":[${Array.from({ length: 400_000 }, () => '1').join(',')}]}`
    expect(rewrite('tools/call', structured)).toContain('"files+a:b"')
    expect(() => rewrite('tools/call', `{"content":[${links(70_000)}]}`)).toThrow(expect.objectContaining({ code: 'rewrite-unreadable' }))
  })

  it('costs little where there is nothing to rename', () => {
    const large = Buffer.from(JSON.stringify({ content: [{ type: 'text', text: 'x'.repeat(1024 * 1024) }] }))
    expect(rewriteResult('files', 'tools/call', large)).toBe(large)
  })
})
