// N147: whatever a host or an upstream sends, and wherever, nothing of it that could be a secret stands in the audit log.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { event, events, json } from '../support/upstreams/http-upstream.ts'
import { LegacyHost, modern, startWorld, type World } from './world.ts'

/** What the upstream sends besides in the run that is on. */
let theirs: (place: string) => string
const UP_KEY = 'configured-key-9f8e7d6c5b4a39281706'
let world: World
beforeAll(async () => {
  world = await startWorld({
    headers: { 'x-api-key': UP_KEY },
    tools: {
      tell: ({ res, message }) => {
        events(res, { 'set-cookie': `sid=${theirs('cookie')}`, 'x-upstream-token': theirs('header') })
        const { progressToken } = message.params._meta
        const told = { progressToken, progress: 1, message: theirs('progress') }
        res.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: told }))
        res.write(event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'error', data: theirs('log') } }))
        const content = [{ type: 'text', text: theirs('text') }]
        const structuredContent = { [theirs('key')]: theirs('value') }
        const result = { resultType: 'complete', content, structuredContent, _meta: { 'x/token': theirs('meta') } }
        res.end(event({ jsonrpc: '2.0', id: message.id, result }))
      },
      fail: ({ res, message }) =>
        json(res, {
          jsonrpc: '2.0',
          id: message.id,
          error: { code: -32001, message: theirs('message'), data: { password: theirs('data') } },
        }),
      refuse: ({ res, message }) => {
        const challenge = { 'www-authenticate': `Bearer error_description="${theirs('challenge')}"` }
        json(res, { jsonrpc: '2.0', id: message.id, error: { code: -32000, message: theirs('refusal') } }, 401, challenge)
      },
      ask: ({ res, message }) => {
        const { inputResponses } = message.params
        const done = { resultType: 'complete', content: [{ type: 'text', text: theirs('thanks') }] }
        const properties = { answer: { type: 'string', description: theirs('description') } }
        const params = { mode: 'form', message: theirs('question'), requestedSchema: { type: 'object', properties } }
        const asked = { inputRequests: { q: { method: 'elicitation/create', params } }, requestState: theirs('state') }
        const result = inputResponses ? done : { resultType: 'input_required', ...asked }
        json(res, { jsonrpc: '2.0', id: message.id, result })
      },
    },
  })
})
afterAll(() => world.stop())

/** Bytes of the log as it stands on disk, tree and index included. */
const onDisk = (): Buffer => {
  const folder = join(world.gateway.dataDir, 'audit')
  return Buffer.concat(readdirSync(folder).map(name => (name === 'writer.lock' ? Buffer.alloc(0) : readFileSync(join(folder, name)))))
}
/** How a text could stand somewhere: as it is, in JSON, percent-encoded, in base64 and hexadecimal. */
const formsOf = (secret: string): readonly string[] => {
  const bytes = Buffer.from(secret)
  const inJson = JSON.stringify(secret).slice(1, -1)
  const encoded = [
    encodeURIComponent(secret),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ]
  return [secret, inJson, ...encoded]
}

/** At least 16 characters, as secrets are: those of tokens, of passwords that people make up, and some that need escapes. */
const secret = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from('ABCDEFabcdef0123456789-_.')), minLength: 20, maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...Array.from('pässwörd€ "\\/<>%&!?')), minLength: 16, maxLength: 30 }),
)

describe('N147 property: the audit log', () => {
  it('attack: holds no token, cookie, argument, result or answer, wherever hosts and upstreams put them', async () => {
    const host = await LegacyHost.open(world)
    const planted = new Set<string>([UP_KEY, host.id, ...Object.values(world.tokens)])
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(secret), async stream => {
        runs += 1
        let count = 0
        const plant = (): string => {
          // Told apart even where fast-check repeats or shrinks one, so that each place is known.
          const text = `${stream.next().value ?? ''}#${runs}.${(count += 1)}`
          planted.add(text)
          return text
        }
        const visible = (): string => {
          const text = Buffer.from(plant()).toString('base64url')
          planted.add(text)
          return text
        }
        const sent = new Map<string, string>()
        theirs = place => {
          const known = sent.get(place) ?? (['cookie', 'header', 'challenge'].includes(place) ? visible() : plant())
          sent.set(place, known)
          return known
        }
        const over = () => ({
          id: plant(),
          headers: {
            cookie: `session=${visible()}`,
            'x-password': visible(),
            'user-agent': visible(),
            'proxy-authorization': `Basic ${visible()}`,
          },
        })
        const meta = () => ({
          progressToken: plant(),
          'io.modelcontextprotocol/clientInfo': { name: plant(), version: plant() },
          'x/key': plant(),
        })
        const args = () => ({ password: plant(), [plant()]: [plant(), { deep: plant() }] })
        const call = (name: string, more: object = {}, how: object = {}) =>
          modern(world, 'tools/call', { name, arguments: args(), _meta: meta(), ...more }, { ...over(), ...how })

        const echoed = await call('echo')
        const told = await call('tell')
        expect(told.text).toContain(JSON.stringify(theirs('text')).slice(1, -1))
        await call('fail')
        await call('refuse')
        const asked = await call('ask', {}, { capabilities: { elicitation: { form: {} } } })
        expect(asked.body.result.inputRequests.q.params.message).toContain(theirs('question'))
        const answer = { q: { action: 'accept', content: { answer: plant() } } }
        const { requestState } = asked.body.result
        await call('ask', { requestState, inputResponses: answer }, { capabilities: { elicitation: { form: {} } } })
        await call('ask', { requestState: plant(), inputResponses: { [plant()]: { content: plant() } } })
        // Refused on the way: for a token, a method, arguments, a tool that is not there.
        await call('echo', {}, { token: visible() })
        await call('forbidden')
        await call('echo', { arguments: plant() })
        await modern(world, 'prompts/get', { name: 'hello', arguments: { secret: plant() } }, over())
        await modern(
          world,
          'completion/complete',
          { ref: { type: 'ref/prompt', name: 'hello' }, argument: { name: plant(), value: plant() } },
          over(),
        )
        await host.request('tools/call', { name: 'tell', arguments: args(), _meta: { progressToken: plant() } }, { cookie: visible() })
        await host.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":${JSON.stringify(plant())}`)

        // They did travel: the test would find them if they were kept.
        expect(echoed.body.result.content[0].text).toContain('password')
        const log = onDisk()
        const found = [...planted].filter(text => formsOf(text).some(form => log.includes(form)))
        expect(found).toEqual([])
      }),
      { numRuns: 12 },
    )
    expect(planted.size).toBeGreaterThan(runs * 40)
    expect(world.gateway.events().filter(({ type }) => type === 'outcome').length).toBeGreaterThan(runs * 5)
  })
})
