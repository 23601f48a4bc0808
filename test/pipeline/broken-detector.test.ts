// DESIGN 6.7, before a call leaves: a detector that breaks lets no list, no question and no arguments pass, and what broke it is told to nobody. Results: inspect.test.ts.

import { GATES } from '../support/gates.ts'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/catalog/entry.ts'
import type { LiveList } from '../../src/catalog/lists.ts'
import { DEFAULT_TIERS } from '../../src/inspection/tiers.ts'
import { isJsonFault, member, readJson, type JsonDoc } from '../../src/mcp/json.ts'
import { gate } from '../../src/pipeline/gate.ts'
import { argumentCodes } from '../../src/pipeline/inspect-arguments.ts'
import { InspectedDefinitions } from '../../src/pipeline/inspected-definitions.ts'
import { Path, walk, type Answer, type Received } from '../../src/pipeline/path.ts'
import type { Ready } from '../../src/pipeline/ready.ts'
import { prepareArgumentsStage } from '../../src/pipeline/stages/prepare-arguments.ts'
import { requestOf, rulesOf } from '../support/policies.ts'

const SECRET = 'hunter2hunter2'
const breaks = (): never => {
  throw new Error(`a detector broke at ${SECRET}`)
}
function doc(text: string): JsonDoc {
  const found = readJson(Buffer.from(text))
  if (isJsonFault(found)) throw new Error(found.fault)
  return found
}
const entry = {
  alias: 'up',
  admission: 'configured',
  inspection: DEFAULT_TIERS,
  gates: GATES,
  accepted: new Set(),
  arguments: { isStrict: false },
}

describe('attack: a detector that throws', () => {
  const told: unknown[] = []
  const definitions = new InspectedDefinitions({
    inspect: breaks,
    record: finding => Promise.resolve(void told.push(finding)),
    pause: () => Promise.resolve(),
  })
  it.each(['tools', 'prompts', 'resources', 'templates'] as const)('at a list of %s: there is no list', async kind => {
    const raw = Buffer.from(`{"name":"${SECRET}"}`)
    const list = { kind, alias: 'up', entries: [{ name: SECRET, raw } as Entry], extra: [] } as unknown as LiveList
    expect(await definitions.read(list)).toEqual({ stop: 'internal-fault', detail: `the ${kind} of \`up\` cannot be inspected` })
    expect(() => definitions.visible(entry as never, list)).toThrow()
    expect(() => definitions.check(entry as never, list, SECRET)).toThrow()
  })
  it('at what stands beside a list, at instructions, at capabilities: nothing of them is told', async () => {
    const list = { kind: 'tools', alias: 'up', entries: [], extra: [Buffer.from('"x":1')] } as unknown as LiveList
    expect(await definitions.read(list)).toMatchObject({ stop: 'internal-fault' })
    await expect(definitions.instructions(entry as never, SECRET)).rejects.toThrow()
    expect(() => definitions.isHarmless(entry as never, { a: SECRET })).toThrow()
    expect(told).toEqual([])
  })

  it('at a question: it is not asked, and that is on record', async () => {
    const asked = doc(`{"mode":"form","message":"${SECRET}","requestedSchema":{"type":"object","properties":{}}}`)
    const kinds = new Set(['elicitation.form'])
    const x = { method: 'tools/call', permit: { rules: [] }, route: { entry }, prepared: { face: { host: { kinds } } } } as unknown as Ready
    const records: any[] = []
    const deps: any = {
      inspect: breaks,
      judge: { rules: undefined },
      upstreams: () => new Map([['up', entry]]),
      entitlement: () => ({}),
      callers: { kinds: () => kinds },
      recorder: { serverRequest: (_: Ready, request: unknown) => Promise.resolve(void records.push(request)) },
    }
    const stop = await gate(x, { method: 'elicitation/create', params: { doc: asked, node: asked.root } }, deps)
    expect(stop).toEqual({ stop: 'internal-fault', detail: 'what `up` asks cannot be inspected' })
    expect(records).toMatchObject([{ decision: 'refused', stop: { stop: 'internal-fault' } }])
  })

  const call = (): any => {
    const message = doc(`{"params":{"name":"t","arguments":{"a":"${SECRET}"}}}`)
    const route = { entry, kind: 'method', name: 't', entitlement: {} }
    return { receivedMs: 0, method: 'tools/call', era: 'modern', host: {}, doc: message, params: member(message.root, 'params'), route }
  }
  it('at arguments: nothing of the call leaves', async () => {
    const ends: unknown[] = []
    let isSent = false
    const recorder: any = {
      intent: () => Promise.resolve(void ends.push('intent')),
      count: (_: Received, stop: unknown) => void ends.push(stop),
      fault: (_: Received, stage: string) => void ends.push(stage),
    }
    const answer: Answer = { kind: 'result', result: Buffer.from('{}'), outcome: 'ok' }
    const path = Path.start<any>()
      .step(prepareArgumentsStage({ inspect: breaks, callers: { of: () => ({}) } } as never))
      .step({
        name: 'call-upstream',
        effect: true,
        run: () => {
          isSent = true
          return { answer }
        },
      })
    expect(await walk(path, call(), recorder, { stage: () => undefined } as never)).toEqual({ stop: 'internal-fault' })
    expect({ ends, isSent }).toEqual({ ends: ['prepare-arguments', { stop: 'internal-fault' }], isSent: false })
  })
  it('at arguments that a rule reads `context.findings` of: no permit, whether it forbids by them or permits without them', () => {
    for (const text of [
      '@id("a") permit (principal, action, resource); @id("b") forbid (principal, action, resource) when { context.findings.contains("secret-token") };',
      '@id("a") permit (principal, action, resource) when { !context.findings.contains("secret-token") };',
    ]) {
      const rules = rulesOf(text)
      const request = requestOf()
      const found = (get: () => readonly string[]): object =>
        Object.defineProperty({ ...request.context }, 'findings', { get, enumerable: true })
      const outcome = (get: () => readonly string[]): string =>
        rules.decide({ ...request, context: found(get) as typeof request.context }).outcome
      expect(outcome(() => argumentCodes(breaks, call(), entry as never))).toBe('deny')
      expect(outcome(() => [])).toBe('allow')
    }
  })
})
