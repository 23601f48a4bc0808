// Fuzz target of the stdio line cutter: the same lines however the bytes arrive.

import { Lines } from '../../../src/adapters/upstream/lines.ts'
import { must } from '../fuzz.ts'
import type { FuzzTarget } from '../fuzz.ts'
import { MESSAGES } from './words.ts'

function cut(chunks: readonly Buffer[]): string {
  const seen: string[] = []
  const lines = new Lines(4096, line => seen.push(line.toString('latin1')))
  for (const chunk of chunks) if (!lines.push(chunk)) return JSON.stringify([seen, 'overflow'])
  return JSON.stringify(seen)
}
function lines(input: Buffer): boolean {
  const whole = cut([input])
  const step = 1 + ((input[0] ?? 0) % 97)
  const pieces = Array.from({ length: Math.ceil(input.length / step) }, (_, i) => input.subarray(i * step, (i + 1) * step))
  must(cut(pieces) === whole, 'pieces give other lines')
  if (input.length <= 8192) must(cut(Array.from(input, (_, i) => input.subarray(i, i + 1))) === whole, 'single bytes give other lines')
  return whole.length > 10
}

export const targets: readonly FuzzTarget[] = [
  {
    name: 'stdio-lines',
    seeds: [MESSAGES.join('\n'), 'a\r\n\r\nb\n\nc', `${'x'.repeat(5000)}\n`],
    tokens: ['\n', '\r\n', '\r', '\u0000'],
    run: lines,
  },
]
