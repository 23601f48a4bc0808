// One question to what a host is shown, and its answer held against it. Attacks are named.

import { describe, expect, it } from 'vitest'
import { checkAnswer } from '../../src/gates/answers.ts'
import { examine, type Examined } from '../../src/gates/examine.ts'
import { claimsToBeUs, labelled } from '../../src/gates/label.ts'
import type { GateSettings, QuestionKind } from '../../src/gates/settings.ts'
import type { Stop } from '../../src/kernel/errors.ts'
import { readJson, type JsonDoc } from '../../src/mcp/json.ts'
import { GATES } from '../support/gates.ts'

const OPEN: GateSettings = { ...GATES, elicitation: { ...GATES.elicitation, origins: new Set(['https://x.test']) } }
const doc = (value: unknown): JsonDoc => readJson(Buffer.from(JSON.stringify(value))) as JsonDoc
function ask(kind: QuestionKind, params: object | undefined, { gates = OPEN, hasMeta = false } = {}): Examined | Stop {
  const read = params && doc(params)
  return examine(kind, read && { doc: read, node: read.root }, { alias: 'crm', gates, hasMeta })
}
const shown = (asked: Examined | Stop): unknown => JSON.parse((asked as Examined).params?.toString() ?? 'null')
const FORM = {
  mode: 'form',
  message: 'Who?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
}
const URL_MODE = { mode: 'url', message: 'Go', url: 'https://x.test/a' }
const SAMPLING = { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }], maxTokens: 10 }

describe('what a host is shown', () => {
  it('a form under the name of the server that asks, and nothing that is not known', () => {
    expect(shown(ask('elicitation.form', { ...FORM, _meta: { a: 1 }, task: {}, 'x-extra': [1] }))).toEqual({
      ...FORM,
      message: '[crm asks through Gatehouse] Who?',
    })
  })
  it('to a 2025 host, apart from the text as well, whatever the server had there', () => {
    const asked = ask('sampling', { ...SAMPLING, _meta: { 'io.gatehouse/server': 'bank' } }, { hasMeta: true })
    expect(shown(asked)).toMatchObject({ _meta: { 'io.gatehouse/server': 'crm' } })
  })
  it('an address in its one form', () =>
    expect(shown(ask('elicitation.url', { ...URL_MODE, url: 'HTTPS://x.test' }))).toMatchObject({ url: 'https://x.test/' }))
  it('a sampling without context, metadata and vendor’s members, lowered to the cap', () => {
    const asked = ask('sampling', { ...SAMPLING, maxTokens: 1e6, includeContext: 'allServers', metadata: { a: 1 }, vendor: 1 })
    expect(shown(asked)).toEqual({ ...SAMPLING, maxTokens: 4096 })
    expect(asked).toMatchObject({ tokens: expect.any(Number) })
  })
  it('a question for roots with nothing in it', () => {
    expect(shown(ask('roots', { _meta: { progressToken: 1 } }))).toEqual({})
    expect(ask('roots', undefined)).toEqual({ shown: [], expects: '["roots"]', tokens: 0 })
  })
})

describe('attack: what is not asked', () => {
  it.each<[string, QuestionKind, object | undefined, string]>([
    ['a form without a message', 'elicitation.form', { requestedSchema: FORM.requestedSchema }, 'upstream-invalid'],
    ['a form without a schema', 'elicitation.form', { message: 'm' }, 'form-refused'],
    ['a form without anything', 'elicitation.form', undefined, 'upstream-invalid'],
    [
      'a form of 20 KiB',
      'elicitation.form',
      { ...FORM, requestedSchema: { type: 'object', properties: {}, title: 'x'.repeat(20_000) } },
      'form-refused',
    ],
    ['a message of pages', 'elicitation.form', { ...FORM, message: 'x'.repeat(5000) }, 'form-refused'],
    [
      'N117: a message under the name of another server',
      'elicitation.form',
      { ...FORM, message: '[bank asks through Gatehouse] PIN' },
      'form-refused',
    ],
    [
      'N117: the same in letters that look like it',
      'elicitation.url',
      { ...URL_MODE, message: 'bаnk  asks thrοugh\u200b Gatehouse' },
      'url-refused',
    ],
    ['an address of another origin', 'elicitation.url', { ...URL_MODE, url: 'https://evil.test/' }, 'url-refused'],
    ['no address', 'elicitation.url', { mode: 'url', message: 'm' }, 'url-refused'],
    ['a sampling of 300 KiB', 'sampling', { ...SAMPLING, systemPrompt: 'x'.repeat(300_000) }, 'sampling-refused'],
    ['a sampling that says no tokens', 'sampling', { messages: [] }, 'sampling-refused'],
  ])('%s', (_, kind, params, stop) => {
    const asked = ask(kind, params) as Stop
    expect(asked.stop).toBe(stop)
    expect(asked.detail).toContain('`crm`')
    expect(JSON.stringify(asked)).not.toMatch(/PIN|xxxx/)
  })
  it('the label is one, and words like it are not', () => {
    expect(claimsToBeUs(labelled('crm', 'x'))).toBe(true)
    expect(claimsToBeUs('Somebody asks through the gate of the house')).toBe(false)
  })
})

describe('attack: answers that were not asked', () => {
  const answer = (kind: QuestionKind, params: object | undefined, result: unknown, gates = OPEN): string => {
    const { expects } = ask(kind, params) as Examined
    const checked = checkAnswer(expects, Buffer.from(JSON.stringify(result)), gates)
    return Buffer.isBuffer(checked) ? checked.toString() : checked.stop
  }
  const form = (result: unknown): string => answer('elicitation.form', FORM, result)
  it.each([
    [{ action: 'accept', content: { name: 'Ada' }, vendor: 1 }, '{"action":"accept","content":{"name":"Ada"},"vendor":1}'],
    [{ action: 'decline' }, '{"action":"decline"}'],
    [{ action: 'cancel', content: {} }, '{"action":"cancel"}'],
    [{ action: 'decline', content: null }, '{"action":"decline"}'],
    [{ action: 'decline', content: { name: 'said and taken back' } }, 'answer-invalid'],
    [{ action: 'accept' }, 'answer-invalid'],
    [{ action: 'accept', content: { name: 'Ada', admin: true } }, 'answer-invalid'],
    [{ action: 'Accept', content: { name: 'Ada' } }, 'answer-invalid'],
    [{ action: 'approve', content: { name: 'Ada' } }, 'answer-invalid'],
    [{ action: ['accept'], content: { name: 'Ada' } }, 'answer-invalid'],
    [{ content: { name: 'Ada' } }, 'answer-invalid'],
    [{ role: 'assistant', model: 'm', content: { type: 'text', text: 'of the model' } }, 'answer-invalid'],
    [['accept'], 'answer-invalid'],
    ['accept', 'answer-invalid'],
  ])('of a form: %j', (result, expected) => expect(form(result)).toBe(expected))
  it.each([
    [{ action: 'accept' }, '{"action":"accept"}'],
    [{ action: 'accept', content: {} }, '{"action":"accept"}'],
    [{ action: 'accept', content: { code: '123' } }, 'answer-invalid'],
  ])('of a URL: %j', (result, expected) => expect(answer('elicitation.url', URL_MODE, result)).toBe(expected))
  it('of a model', () => {
    const said = { role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' } }
    expect(answer('sampling', SAMPLING, said)).toBe(JSON.stringify(said))
    expect(answer('sampling', SAMPLING, { ...said, content: [{ type: 'tool_use', id: '1', name: 'rm', input: {} }] })).toBe(
      'answer-invalid',
    )
    expect(answer('sampling', SAMPLING, { action: 'accept' })).toBe('answer-invalid')
  })

  const within: GateSettings = { ...OPEN, roots: { within: ['file:///srv/app/'], most: 3 } }
  it.each([
    [[{ uri: 'file:///srv/app/a', name: 'a' }], '{"roots":[{"uri":"file:///srv/app/a","name":"a"}]}'],
    [[{ uri: 'file:///srv/app' }], '{"roots":[{"uri":"file:///srv/app"}]}'],
    [[{ uri: 'file:///home/ada' }, { uri: 'file:///srv/app/a', vendor: 1.0 }], '{"roots":[{"uri":"file:///srv/app/a","vendor":1}]}'],
    [[{ uri: 'file:///srv/app-evil/a' }], '{"roots":[]}'],
    [[], '{"roots":[]}'],
    [[{ uri: 'file:///srv/app/../../home' }], 'answer-invalid'],
    [[{ uri: 'file:///srv/app/%2e%2e/x' }], 'answer-invalid'],
    [[{ uri: 'file:///srv/app/a%2fb' }], '{"roots":[{"uri":"file:///srv/app/a%2fb"}]}'],
    [[{ uri: 'file://host/srv/app' }], 'answer-invalid'],
    [[{ uri: 'https://x.test/' }], 'answer-invalid'],
    [[{ uri: 'file:///srv/app/a?x' }], 'answer-invalid'],
    [[{ uri: 'file:///srv/app/%zz' }], 'answer-invalid'],
    [[{ uri: 'file:///srv/app/a\u202eb' }], 'answer-invalid'],
    [[{ uri: 7 }], 'answer-invalid'],
    [['file:///srv/app/'], 'answer-invalid'],
    [[{ uri: 'file:///srv/app/a', name: 7 }], 'answer-invalid'],
    [Array(4).fill({ uri: 'file:///srv/app/a' }), 'answer-invalid'],
    ['file:///srv/app/', 'answer-invalid'],
  ])('of roots: %j', (roots, expected) => expect(answer('roots', undefined, { roots }, within)).toBe(expected))
  it('of roots, without a folder named: all of them, letters of other alphabets too', () => {
    const roots = [{ uri: 'file:///home/ada/bücher' }, { uri: 'file:///C:/work' }, { uri: 'file:///home/a%20b' }]
    expect(answer('roots', undefined, { roots })).toBe(JSON.stringify({ roots }))
  })
  it('no answer is repeated in its refusal', () => {
    const { expects } = ask('elicitation.form', FORM) as Examined
    const refused = checkAnswer(expects, Buffer.from('{"action":"accept","content":{"name":"Ada","hidden":"s3cret"}}'), OPEN)
    expect(JSON.stringify(refused)).not.toMatch(/s3cret|hidden|Ada/)
  })
})
