// DESIGN 6.7: a detector that breaks lets nothing pass, on any way there is.

import { describe, expect, it } from 'vitest'
import { DEFAULT_TIERS } from '../../src/inspection/tiers.ts'
import { isJsonFault, readJson, type JsonDoc } from '../../src/mcp/json.ts'
import type { Answer, Received } from '../../src/pipeline/path.ts'
import { Path, walk } from '../../src/pipeline/path.ts'
import type { Ready } from '../../src/pipeline/ready.ts'
import { fedNotification } from '../../src/pipeline/fed-notification.ts'
import { Relay } from '../../src/pipeline/relay.ts'
import { inspectStage } from '../../src/pipeline/stages/inspect.ts'

const breaks = (): never => {
  throw new Error('a detector broke')
}
const rejects = (): Promise<never> => Promise.reject(new Error('a detector broke'))
const entry = { alias: 'up', inspection: DEFAULT_TIERS }
const call = (notify: (message: Buffer) => boolean = () => true): Ready =>
  ({
    receivedMs: 0,
    era: 'modern',
    relayed: { count: 0, digest: '' },
    principal: {},
    host: { notify, cancellation: {} },
    hostFace: { logLevel: 'info' },
    prepared: { progressToken: 'p' },
    permit: { rules: [] },
    route: { entry, kind: 'tool', name: 't' },
  }) as unknown as Ready

function doc(text: string): JsonDoc {
  const found = readJson(Buffer.from(text))
  if (isJsonFault(found)) throw new Error(found.fault)
  return found
}

describe('attack: a detector that throws', () => {
  it.each([breaks, rejects])('stops the call, and that is on record', async inspect => {
    const ends: unknown[] = []
    const recorder: any = {
      intent: () => Promise.resolve(),
      outcome: (_: Received, end: unknown) => Promise.resolve(void ends.push(end)),
      fault: (_: Received, stage: string) => void ends.push(stage),
    }
    const answer: Answer = { kind: 'result', result: Buffer.from('{"content":[]}'), outcome: 'ok' }
    const path = Path.start<Ready>()
      .step({ name: 'call-upstream', effect: true, run: () => ({ answer }) })
      .step(inspectStage({ inspectInTurns: inspect, catalogue: {} as never }))
    expect(await walk(path, call(), recorder, { stage: () => undefined } as never)).toEqual({ stop: 'internal-fault' })
    expect(ends).toEqual(['inspect', { stage: 'inspect', stop: { stop: 'internal-fault' } }])
  })
  it.each([breaks, rejects])('in a notification: it is dropped, and nothing more is believed of the call', async inspect => {
    const sent: string[] = []
    const x = call(bytes => sent.push(bytes.toString()) > 0)
    const faults: string[] = []
    let isOver = false
    const relay = new Relay(
      x,
      { inspectInTurns: inspect, recorder: { fault: (_: Received, stage: string) => void faults.push(stage) } as never },
      () => {
        isOver = true
      },
    )
    relay.notify('notifications/message', doc('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'))
    await relay.idle
    expect({ sent, faults, isOver, ended: x.ended }).toEqual({
      sent: [],
      faults: ['inspect'],
      isOver: true,
      ended: { stop: 'internal-fault' },
    })
  })
  it('and so does what breaks in sending, at once or in a later turn: nobody waits for it, and the process lives', async () => {
    const nothing = { findings: [], counts: new Map<string, number>(), tier: undefined, spans: [], isForged: false, placeAt: -1 }
    for (const inspect of [() => nothing, () => Promise.resolve(nothing)]) {
      const x = call(breaks)
      const faults: string[] = []
      const recorder = { fault: (_: Received, stage: string) => void faults.push(stage) } as never
      const over = Promise.withResolvers<undefined>()
      const relay = new Relay(x, { inspectInTurns: inspect, recorder }, () => over.resolve(undefined))
      relay.notify('notifications/message', doc('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'))
      await over.promise
      await relay.idle
      expect({ faults, ended: x.ended }).toEqual({ faults: ['inspect'], ended: { stop: 'internal-fault' } })
    }
  })
  it.each([breaks, rejects])('on a standing stream: nothing is said', inspect => {
    const deps = { upstreams: () => new Map([['up', entry as never]]), inspectInTurns: inspect }
    expect(fedNotification(deps, 'up', Buffer.from('{}'))).toBeUndefined()
  })
})

describe('notifications that are inspected in turns', () => {
  it('keep their order, and what does not fit into memory is withheld', async () => {
    const sent: string[] = []
    const x = call(bytes => sent.push(bytes.toString().slice(-12, -9)) > 0)
    const waiting: (() => void)[] = []
    const nothing = { findings: [], counts: new Map<string, number>(), tier: undefined, spans: [], isForged: false, placeAt: -1 }
    const inspect = (json: Uint8Array) =>
      json.length > 1000 ? new Promise<typeof nothing>(done => waiting.push(() => done(nothing))) : nothing
    const relay = new Relay(x, { inspectInTurns: inspect, recorder: {} as never }, () => undefined)
    const say = (name: string, size: number): void =>
      relay.notify(
        'notifications/message',
        doc(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'x'.repeat(size)}","n":"${name}", "o":1}}`),
      )
    say('one', 2000)
    say('two', 10)
    say('big', 5_000_000)
    expect(sent).toEqual([])
    waiting[0]?.()
    await relay.idle
    expect(sent.length).toBe(2)
    expect(sent[0]).not.toBe(sent[1])
    expect(x.noticed?.withheld).toBe(1)
    expect(relay.idle).toBeUndefined()
  })
})
