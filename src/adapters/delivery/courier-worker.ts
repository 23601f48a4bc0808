// The courier's thread: it alone writes delivery.db and speaks to sinks. What it delivers it asks of the gateway's reader of the log.

import { dirname, join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { Fault } from '../../kernel/errors.ts'
import type { Source } from '../../delivery/source.ts'
import { DeliveryDb, takeOver } from '../sqlite/delivery-db.ts'
import type { CourierAnswer, CourierAsk, CourierSettings, FromCourier, LogAnswer, LogAsk, Outcome, ToCourier } from './courier-messages.ts'
import { encoderOf } from './encoders.ts'
import { outletOf } from './outlets.ts'
import { Routes } from './routes.ts'

const LEVELS_MS = 1000

const port = parentPort
const { file, version, hostname } = workerData as CourierSettings
const tell = (message: FromCourier): void => port?.postMessage(message)

/** Questions about the log that wait for an answer: one for each sink at most, and one for the levels. */
const waiting = new Map<number, (outcome: Outcome<LogAnswer>) => void>()
let next = 0
const askLog = (ask: LogAsk): Promise<LogAnswer> =>
  new Promise((resolve, reject) => {
    const id = next++
    waiting.set(id, outcome =>
      'value' in outcome ? resolve(outcome.value) : reject(new Fault(outcome.failure.code, outcome.failure.message)),
    )
    tell({ type: 'log', id, ask })
  })
const source: Source = {
  state: async () => (await askLog({ what: 'state' })) as Awaited<ReturnType<Source['state']>>,
  read: async (from, max) => (await askLog({ what: 'read', from, max })) as Awaited<ReturnType<Source['read']>>,
}

function open(): DeliveryDb | undefined {
  try {
    takeOver(join(dirname(file), 'audit', 'delivery.db'), file)
    return DeliveryDb.open(file, Date.now)
  } catch (error) {
    const { code, message } = error instanceof Fault ? error : new Fault('delivery-unavailable', 'what delivery keeps cannot be opened')
    tell({ type: 'failed', code, message })
    return undefined
  }
}

const ledger = open()
if (ledger && port) {
  const routes = new Routes({
    ...{ source, ledger, nowMs: Date.now, random: Math.random },
    outletOf: sink => outletOf(sink, version),
    encoderOf: sink => encoderOf(sink, { version, hostname }),
    tell: (what, detail) => tell({ type: 'tell', what, detail }),
  })
  const levels = setInterval(() => {
    source.state().then(
      ({ covered }) => tell({ type: 'levels', levels: routes.levels(covered) }),
      () => tell({ type: 'levels', levels: routes.levels() }), // each says that it cannot read the log
    )
  }, LEVELS_MS)
  const run = async (ask: CourierAsk): Promise<CourierAnswer> => {
    if (ask.what === 'list') return ledger.list(ask.sink, ask.limit)
    const count = await ledger[ask.what](ask.which)
    routes.wake()
    return count
  }
  port.on('message', (message: ToCourier) => {
    switch (message.type) {
      case 'configure':
        void routes.configure(message.sinks)
        return
      case 'log':
        waiting.get(message.id)?.(message.outcome)
        waiting.delete(message.id)
        return
      case 'ask': {
        const { id } = message
        run(message.ask).then(
          value => tell({ type: 'answered', id, outcome: { value } }),
          (error: unknown) =>
            tell({
              type: 'answered',
              id,
              outcome: { failure: { code: 'delivery-unavailable', message: error instanceof Fault ? error.message : 'it failed' } },
            }),
        )
        return
      }
      case 'close':
        clearInterval(levels)
        void routes.close().then(() => {
          ledger.close()
          port.close()
        })
    }
  })
}
