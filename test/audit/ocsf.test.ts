import { randomFillSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventEncoder } from '../../src/audit/encode.ts'
import { ocsfOf } from '../../src/audit/ocsf.ts'

const NOW = Date.UTC(2026, 6, 28, 12, 0, 0, 7)
const encoder = new EventEncoder(() => NOW, randomFillSync)
const exported = { origin: 'gw.example/1', seq: 41, leaf: 'bGVhZg==', checkpointSize: 64, version: '1.2.3' }
const exchange = encoder.exchange({
  ...{ call: 'c-1', request: 'r-1', trace: '4bf92f3577b34da6a3ce929d0e0e4736', session: 's-digest', credential: 'g-1' },
  principal: {
    ...{ issuer: 'https://idp.example', subject: 'anna', client: 'cli', kind: 'person', tokenId: 'jti-1', scopes: ['files:read'] },
    authentication: { kind: 'access-token', issuer: 'https://gw.example' },
  },
  subject: {
    ...{ endpoint: '/mcp', era: 'modern', method: 'tools/call', server: 'files', name: 'read' },
    definition: 'def',
    paramsDigest: 'd',
    paramsBytes: 3,
  },
  upstream: { name: 'com.example/files', version: '2.0.1', sequence: 3, serverJson: 'abc', publisher: 'key 1', surface: 'sur' },
})
const contact = encoder.contactText({ contact: 'k-1', server: 'files', purpose: 'list', method: 'tools/list' })
const LINES: Readonly<Record<string, string>> = {
  intent: encoder.intent(exchange, ['team.files', 'approval:7'], 0, { policy: '{"digest":"bundle","outcome":"allow"}' }),
  outcome: encoder.outcome(exchange, { outcome: 'ok', resultBytes: 9, resultDigest: 'x', ms: 12.6 }),
  refusal: encoder.refusal(exchange, { reason: 'policy-denied', stage: 'evaluate-policy', detail: 'by `team.no`' }),
  decision: encoder.decision(exchange, { rules: ['r'], ms: 1 }),
  'server-request': encoder.serverRequest(exchange, {
    requestMethod: 'elicitation/create',
    decision: 'refused',
    reason: 'gated',
    rules: [],
  }),
  'upstream-contact': encoder.contact(contact),
  'upstream-contact-end': encoder.contactEnd(contact, { outcome: 'stopped', reason: 'upstream-timeout', ms: 1 }),
  aggregate: encoder.aggregate({ reason: 'token-missing', prefix: '203.0.113.0/24', count: 3, from: 'a', to: 'b' }),
  lifecycle: encoder.lifecycle('start', { version: '1' }),
}
const of = (type: string): Record<string, any> => ocsfOf(LINES[type] ?? '', exported)

describe('events as OCSF API Activity', () => {
  it.each(Object.keys(LINES))('%s has every attribute that class 6003 and its objects require', type => {
    const made = of(type)
    expect(made).toMatchObject({
      category_uid: 6,
      class_uid: 6003,
      time: NOW,
      metadata: { version: '1.6.0', product: { name: 'Gatehouse' } },
    })
    expect(made['type_uid']).toBe(600_300 + Number(made['activity_id']))
    expect([1, 2, 3, 4, 99]).toContain(made['activity_id'])
    expect([0, 1, 2, 99]).toContain(made['status_id'])
    expect([1, 2, 3, 4, 5]).toContain(made['severity_id'])
    // at_least_one of the objects actor and network_endpoint; api.operation, request.uid and trace.uid are required.
    expect(['user', 'session', 'app_name', 'app_uid'].some(name => name in made['actor'])).toBe(true)
    expect(['name', 'uid', 'svc_name'].some(name => name in made['src_endpoint'])).toBe(true)
    expect(made['api'].operation).toEqual(expect.any(String))
    if (made['api'].request) expect(made['api'].request.uid).toEqual(expect.any(String))
    if (made['trace']) expect(made['metadata'].profiles).toEqual(['trace'])
  })

  it.each(Object.keys(LINES))('%s can be held against the log by its copy alone: place, leaf, checkpoint and the line itself', type => {
    const made = of(type)
    expect(made['unmapped'].log).toEqual({ origin: 'gw.example/1', seq: 41, leaf: 'bGVhZg==', checkpoint_size: 64 })
    expect(made['metadata']).toMatchObject({ sequence: 41, log_name: 'gw.example/1' })
    expect(made['raw_data']).toBe(LINES[type])
    // Plain data: what is sent is what was made.
    expect(JSON.parse(JSON.stringify(made))).toEqual(made)
  })

  it('says who, by what, at which server, under which rules', () => {
    expect(of('intent')).toMatchObject({
      activity_name: 'tools/call',
      status_id: 99,
      actor: {
        user: { uid: 'anna', domain: 'https://idp.example', type_id: 1 },
        idp: { name: 'https://idp.example', uid: 'https://gw.example' },
        app_uid: 'cli',
        session: { uid: 's-digest' },
        authorizations: [
          { decision: 'allow', policy: { uid: 'team.files', version: 'bundle' } },
          { decision: 'allow', policy: { uid: 'approval:7', version: 'bundle' } },
        ],
      },
      api: {
        operation: 'tools/call',
        service: { name: 'files', uid: 'com.example/files', version: '2.0.1' },
        request: { uid: 'r-1', data: { digest: 'd', bytes: 3 } },
      },
      resources: [
        { name: 'read', type: 'MCP Tool', uid: 'def' },
        { name: 'com.example/files', type: 'MCP Server', version: '2.0.1', uid: 'abc' },
      ],
      trace: { uid: '4bf92f3577b34da6a3ce929d0e0e4736' },
      unmapped: {
        round: 0,
        policy: { digest: 'bundle' },
        principal: { tokenId: 'jti-1' },
        upstream: { surface: 'sur' },
        credential: 'g-1',
      },
    })
  })

  it('says how it ended', () => {
    expect(of('outcome')).toMatchObject({ status_id: 1, duration: 13, severity_id: 1, api: { response: { message: 'ok' } } })
    expect(of('refusal')).toMatchObject({
      ...{ status_id: 2, status_code: 'policy-denied', status_detail: 'by `team.no`', severity_id: 2 },
      message: 'refusal tools/call at files (policy-denied)',
    })
    expect(of('server-request')).toMatchObject({ status_id: 2, unmapped: { requestMethod: 'elicitation/create' } })
    expect(of('upstream-contact-end')).toMatchObject({
      status_id: 2,
      actor: { app_name: 'gatehouse' },
      dst_endpoint: { svc_name: 'files' },
    })
    expect(of('aggregate')).toMatchObject({
      actor: { app_name: 'unauthenticated' },
      src_endpoint: { name: '203.0.113.0/24' },
      unmapped: { count: 3 },
    })
    const crashed = encoder.outcome(exchange, { outcome: 'unknown', stage: 'recover', ms: 1 })
    expect(ocsfOf(crashed, exported)).toMatchObject({ status_id: 0 })
  })

  it('is as severe as the worst that was found', () => {
    const finding = { code: 'x', tier: 'annotate', in: 'result', pointer: '', count: 1 } as const
    const line = encoder.outcome(exchange, {
      outcome: 'ok',
      ms: 1,
      findings: (['low', 'critical', 'medium'] as const).map(severity => ({ ...finding, severity })),
    })
    expect(ocsfOf(line, exported)['severity_id']).toBe(5)
  })

  it('takes events as they were before they were canonical, and of later versions with more members', () => {
    const made = ocsfOf(
      '{"v":2,"type":"new","id":"i","time":"2026-07-28T12:00:00.007Z","more":[1],"principal":"odd","subject":[],"rules":{}}',
      exported,
    )
    expect(made).toMatchObject({ time: NOW, api: { operation: 'new' }, unmapped: { more: [1] } })
  })

  it('attack: whatever JSON stands in a line, it is mapped or refused, never more', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.dictionary(fc.constantFrom(...Object.keys(JSON.parse(LINES['intent'] ?? '') as object)), fc.jsonValue()),
        (value, members) => {
          expect(ocsfOf(JSON.stringify(members), exported)['class_uid']).toBe(6003)
          if (typeof value !== 'object' || value === null || Array.isArray(value))
            expect(() => ocsfOf(JSON.stringify(value), exported)).toThrow(SyntaxError)
        },
      ),
    )
  })
})
