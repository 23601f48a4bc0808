import { expect, it } from 'vitest'
import { readJson, type JsonDoc } from '../../src/mcp/json.ts'
import { LiveQuestions } from '../../src/pipeline/live-questions.ts'
import type { Ready } from '../../src/pipeline/ready.ts'

it('attack: bytes that a server sends as questions in place of results count against whoever is asked', async () => {
  const params = readJson(Buffer.from(JSON.stringify({ message: 'x'.repeat(100_000) }))) as JsonDoc
  const sent: number[] = []
  const x = {
    host: {
      ask: (_: string, body: Buffer) => {
        sent.push(body.length)
        return Promise.resolve({ kind: 'gone' })
      },
    },
    route: { entry: { alias: 'up', rounds: 2, parkMs: 1 } },
    relayed: { count: 0, bytes: 0, digest: '' },
  } as unknown as Ready
  const questions = new LiveQuestions(x, { stillGated: () => Promise.resolve(undefined), answerTo: (_, result) => Promise.resolve(result) })
  const request = { method: 'elicitation/create', params: { doc: params, node: params.root }, answer: () => {}, refuse: () => {} }
  for (let round = 0; round < 3; round++) await questions.ask(request, () => {})
  expect(sent).toHaveLength(2)
  expect(x.relayed).toEqual({ count: 0, bytes: params.bytes.length * 2, digest: '' })
})
