// What the gateway answers with as a proof has to be one.

import { expect, it } from 'vitest'
import { proofText } from '../../src/audit/proof.ts'
import { leafHash } from '../../src/audit/tree.ts'
import { proveEventStage } from '../../src/pipeline/stages/read-audit.ts'
import { MemoryReader } from '../support/memory-reader.ts'
import { SignedLog } from '../support/signed-log.ts'

const lines = ['{"n":0}', '{"n":1}', '{"n":2}']
const log = new SignedLog()
log.leaves.push(...lines.map(line => leafHash(Buffer.from(line))))
const proof = proofText({ seq: 1, hashes: log.include(1), checkpoint: log.checkpoint().note })

function prove(of: readonly string[]): unknown {
  const auditReader = new MemoryReader(of)
  auditReader.proof = () => Promise.resolve(proof)
  return proveEventStage({ auditReader }).run({ act: { target: 'event 1', params: { seq: '1' } } } as never)
}

it('an event goes with its proof', async () => {
  const { answer } = (await prove(lines)) as { answer: { result: Buffer } }
  expect(JSON.parse(answer.result.toString())).toEqual({ proof, event: lines[1] })
})

it('attack: an event that was changed, with its kept hash, has none', async () => {
  expect(await prove(lines.with(1, '{"n":7}'))).toMatchObject({
    stop: 'state-unavailable',
    detail: expect.stringContaining('changed') as string,
  })
})
