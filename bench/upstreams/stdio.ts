// The bench upstream over stdio: one JSON message a line. `node stdio.ts --era modern --tools 10`.

import { parseArgs } from 'node:util'
import { BenchUpstream } from './answers.ts'
import { LineReader } from '../lib/lines.ts'

const { values } = parseArgs({ options: { era: { type: 'string', default: 'legacy' }, tools: { type: 'string', default: '10' } } })
const upstream = new BenchUpstream({ era: values.era === 'modern' ? 'modern' : 'legacy', tools: Number(values.tools) })
const newline = Buffer.from('\n')

// All answers to the lines of one read leave in one write.
let out: Buffer[] = []
const lines = new LineReader(line => {
  if (line.length === 0) return
  const { body } = upstream.answer(line)
  if (body) out.push(body, newline)
})
process.stdin.on('data', (chunk: Buffer) => {
  lines.push(chunk)
  if (out.length === 0) return
  process.stdout.write(out.length === 1 ? out[0]! : Buffer.concat(out))
  out = []
})
process.stdin.on('end', () => process.exit(0))
