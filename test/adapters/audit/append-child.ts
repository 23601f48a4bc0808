// A writer to be killed: appends to the audit log of argv[2] and acknowledges on stdout what the log acknowledged. argv[3]: `load`, `single`,
// `hold`, or `signed`: one call after the other with a notary beside the log, and each checkpoint is told once it is said to be on disk.

import { randomFillSync } from 'node:crypto'
import { writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { NotaryThread } from '../../../src/adapters/audit/notary-thread.ts'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'

const [dir = '', mode = 'load', segmentBytes = '33554432'] = process.argv.slice(2)
const encoder = new EventEncoder(Date.now, randomFillSync)
let signed = Promise.withResolvers<number>()
const follower =
  mode === 'signed'
    ? new NotaryThread({
        settings: { dataDir: dirname(dir), dir, host: 'traced' },
        now: () => performance.now(),
        onSigned: size => signed.resolve(size),
        onTrouble: message => {
          throw new Error(message)
        },
      })
    : undefined
const { log } = await openFlatLog({ dir, encoder, now: Date.now, follower, limits: { segmentBytes: Number(segmentBytes) } })

const exchange = (request: string) =>
  encoder.exchange({
    call: request,
    request,
    trace: 't',
    subject: { endpoint: '/mcp', era: 'modern', method: 'tools/call', server: 'files', name: 'read' },
  })
async function call(name: string): Promise<void> {
  const shared = exchange(name)
  await log.append(encoder.intent(shared, ['r'], 0), name)
  writeSync(1, `intent ${name}\n`)
  await log.append(encoder.outcome(shared, { outcome: 'ok', ms: 1 }), undefined, name)
  writeSync(1, `outcome ${name}\n`)
}

if (mode === 'single') {
  for (let i = 0; i < 20; i += 1) await call(`c${i}`)
  await log.close()
} else if (mode === 'signed') {
  const alive = setInterval(() => {}, 1000) // the notary's thread keeps no process
  for (let i = 0; i < 4; i += 1) {
    signed = Promise.withResolvers()
    await log.append(encoder.intent(exchange(`c${i}`), ['r'], 0), `c${i}`)
    writeSync(1, `signed ${await signed.promise}\n`)
  }
  clearInterval(alive)
  await log.close()
} else if (mode === 'hold') {
  writeSync(1, 'held\n')
  setInterval(() => {}, 1000)
} else {
  let n = 0
  const worker = async (): Promise<never> => {
    for (;;) await call(`c${process.pid}-${(n += 1)}`)
  }
  await Promise.all(Array.from({ length: 64 }, worker))
}
