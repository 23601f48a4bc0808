import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineReader } from '../../src/stdio/lines.ts'

function read(chunks: readonly Buffer[], maxBytes = 16): string[] {
  const seen: string[] = []
  const reader = new LineReader(maxBytes, { line: bytes => seen.push(bytes.toString()), tooLong: () => seen.push('TOO LONG') })
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  return seen
}
const at = (text: string, sizes: readonly number[]): Buffer[] => {
  const bytes = Buffer.from(text)
  const chunks: Buffer[] = []
  let start = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(start, start + size))
    start += size
  }
  return [...chunks, bytes.subarray(start)]
}

describe('lines of a host', () => {
  it('end with LF or CRLF; blank ones are none; the last one needs no end', () => {
    expect(read([Buffer.from('{"a":1}\r\n\n \t\r\n{"b":2}\n{"c":3}')])).toEqual(['{"a":1}', '{"b":2}', '{"c":3}'])
  })

  it('that are too long are reported once, skipped, and cost the next one nothing', () => {
    expect(read([Buffer.from(`${'x'.repeat(17)}\n{"ok":1}\n${'y'.repeat(16)}\n`)])).toEqual(['TOO LONG', '{"ok":1}', 'y'.repeat(16)])
    expect(read([Buffer.alloc(10, 'x'), Buffer.alloc(1000, 'x'), Buffer.alloc(1000, 'x'), Buffer.from('\nok')])).toEqual(['TOO LONG', 'ok'])
  })

  it('are the same wherever the chunks end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'bb', '\n', '\r\n', 'ü', ' ', 'x'.repeat(12))), fc.array(fc.nat(5)), (parts, sizes) => {
        const text = parts.join('')
        expect(read(at(text, sizes))).toEqual(read([Buffer.from(text)]))
      }),
    )
  })
})
