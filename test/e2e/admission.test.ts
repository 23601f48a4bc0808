// A server under review, end to end: nothing of it passes before somebody admitted what it lists, and what changes afterwards is held with its difference shown.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { modernBody } from '../attacks/world.ts'
import { connect } from './support/hosts.ts'
import { eventsOf, nextEvent } from './support/raw.ts'
import { PATH, reasonOf, settings, start, starts } from './support/reviewed.ts'
import type { World } from './support/world.ts'

describe('first use', () => {
  it('is quarantine, not trust: a host is shown nothing and nothing is called, after a restart as before (N122, N123)', async () => {
    const { ask, call, running, cli } = await start()
    for (const [method, list] of [
      ['tools/list', 'tools'],
      ['prompts/list', 'prompts'],
      ['resources/list', 'resources'],
      ['resources/templates/list', 'resourceTemplates'],
    ] as const)
      expect((await ask(method)).body.result[list]).toEqual([])
    expect((await ask('tools/list')).text).not.toContain('nobody reviewed this')
    const refused = await call()
    expect(reasonOf(refused)).toBe('quarantined')
    expect(refused.body.error.data.fix).toContain('gatehouse server diff weather')
    expect(reasonOf(await ask('prompts/get', { name: 'greet' }))).toBe('quarantined')
    expect(reasonOf(await ask('resources/read', { uri: 'mem://one' }))).toBe('quarantined')
    expect(
      reasonOf(await ask('completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'a', value: '' } })),
    ).toBe('quarantined')
    expect(reasonOf(await ask('skills/list'))).toBe('quarantined')
    const discovered = await ask('server/discover')
    expect(discovered.body.result.instructions).toContain('until a reviewer has admitted it')
    expect(discovered.text).not.toContain('Ask for one city')
    // Nothing ever left, the gateway's own contacts neither: nobody has admitted how it starts.
    expect(running.events().filter(e => e['type'] === 'intent' || e['type'] === 'contact')).toEqual([])
    expect(running.events().filter(e => e['type'] === 'refusal' && e['stage'] === 'verify-server')).toHaveLength(5)
    expect(starts()).toEqual([])
    expect((await cli('server', 'list')).out).toBe('weather  nobody has reviewed it\n')
  })

  it('ends with an approval of exactly what was looked at; no restart is needed', async () => {
    const { ask, call, cli, look, approve, folder, events } = await start()
    const [, surface, , launch] = (await look()) as [string, string, string, string]
    expect(await cli('server', 'approve', 'weather')).toMatchObject({ code: 4, err: expect.stringContaining('nothing was admitted') })
    for (const named of [
      ['--surface', 'f'.repeat(64), '--launch', launch],
      ['--surface', surface, '--launch', 'f'.repeat(64)],
    ])
      expect(await cli('server', 'approve', 'weather', ...named)).toMatchObject({
        code: 4,
        err: expect.stringContaining('not what was named'),
      })
    expect(existsSync(join(folder, 'admissions'))).toBe(false)
    await approve()
    expect((await call()).body.result.content[0].text).toBe('get_weather 1')
    expect((await ask('prompts/get', { name: 'greet' })).body.result.messages).toEqual([])
    expect((await ask('resources/read', { uri: 'mem://one' })).body.result.contents[0].uri).toBe('mem://one')
    expect((await ask('resources/read', { uri: 'mem://items/7' })).body.result.contents[0].uri).toBe('mem://items/7')
    // What nobody lists does not exist: the answer is that of the protocol, with the URI (SEP-2164).
    const secret = (await ask('resources/read', { uri: 'mem://secret' })).body.error
    expect([secret.code, secret.data]).toEqual([-32602, { reason: 'unknown', uri: 'mem://secret' }])
    expect(
      (await ask('completion/complete', { ref: { type: 'ref/resource', uri: 'mem://items/{id}' }, argument: { name: 'id', value: '' } }))
        .body.result.completion.values,
    ).toEqual(['x'])
    const { instructions, capabilities, _meta } = (await ask('server/discover')).body.result
    // What the server calls itself is not pinned, so it says nothing: hosts are told of the gateway (N126).
    expect(_meta['io.modelcontextprotocol/serverInfo'].name).toBe('gatehouse')
    expect(JSON.stringify(_meta)).not.toContain('flipping')
    expect(instructions).toBe('Ask for one city at a time.')
    expect(capabilities).toEqual({ tools: { listChanged: true }, prompts: {}, resources: {}, completions: {}, experimental: {} })
    expect(events('admission').map(e => e['detail'].reviewer)).toEqual(['ann'])
    expect(await cli('server', 'diff', 'weather')).toMatchObject({ code: 0, out: expect.stringContaining('admitted by ann') })
  })

  it('attack: a server of the same name with the same tools is another server: an admission admits one alias (N133)', async () => {
    const { weather: twin } = settings(Infinity).upstreams
    const { running, approve, ask } = await start(Infinity, {}, { upstreams: { twin }, sets: { both: ['weather', 'twin'] } })
    await ask('tools/list')
    await approve()
    const host = await connect(running as World, '/sets/both/mcp', '2026-07-28')
    try {
      expect((await host.tools()).map(t => t.name)).toEqual(['weather__get_weather'])
      await expect(host.call('twin__get_weather')).rejects.toThrow('nobody has reviewed what it offers')
    } finally {
      await host.close()
    }
  })

  it.each(['2026-07-28', '2025-11-25'] as const)(
    'a host of %s that listens is told when the lists open, and when they close',
    async revision => {
      const { running, approve, cli, ask } = await start()
      const host = await connect(running as World, PATH, revision)
      const changed = (mark: number) => host.heard.until('tools changed', n => n.method === 'notifications/tools/list_changed', mark)
      try {
        expect(await host.tools()).toEqual([])
        await host.listen()
        await ask('tools/list')
        await approve()
        await changed(0)
        expect((await host.tools()).map(t => t.name)).toEqual(['get_weather'])
        const mark = host.heard.mark
        await cli('server', 'quarantine', 'weather', '--why', 'no')
        await changed(mark)
        expect(await host.tools()).toEqual([])
      } finally {
        await host.close()
      }
    },
  )

  it('`server review` looks at a server that no host has listed yet', async () => {
    const { cli, folder } = await start()
    const { code, out } = await cli('server', 'review', 'weather')
    expect([code, out]).toEqual([0, expect.stringContaining('5 to review')])
    expect(out).toContain('tool `get_weather` new: definition-added')
    expect(existsSync(join(folder, 'data', 'seen', 'weather.json'))).toBe(true)
  })
})

describe('a server that changes after its review', () => {
  it('a hint that turns after three calls is held, with its difference, for whoever it turned for (N122, N127, FLIP_AFTER=3)', async () => {
    const { ask, call, approve, diff, events, running, cli } = await start(3)
    await ask('tools/list')
    await approve()
    for (let i = 1; i <= 3; i++) expect((await call()).body.result.content[0].text).toBe(`get_weather ${i}`)
    // It announced that its list changed; until the stream of such news stands, the list as it was read counts.
    await expect.poll(async () => reasonOf(await call())).toBe('drifted')
    const refused = await call()
    expect(refused.body.error.message).toContain('the tool `get_weather` is not the one that was admitted')
    expect(refused.body.error.data.fix).toContain('gatehouse server diff weather')
    expect((await ask('tools/list')).body.result.tools).toEqual([])
    // Bob's own process has not turned: the same admission lets him go on.
    expect((await call('get_weather', 'bob')).body.result.content[0].text).toBe('get_weather 1')
    const { findings } = await diff()
    expect(findings.find((f: any) => f.kind === 'tool')).toMatchObject({
      name: 'get_weather',
      standing: 'changed',
      class: 'cosmetic',
      codes: ['annotations-changed'],
      changes: [{ pointer: '/annotations/readOnlyHint', before: 'true', after: 'false' }],
    })
    const [drift] = events('surface-drift').slice(-1)
    expect(drift!['detail']).toMatchObject({
      upstream: 'weather',
      list: 'tools',
      held: 1,
      definitions: [{ name: 'get_weather', standing: 'changed' }],
    })
    expect(
      running
        .events()
        .filter(e => e['type'] === 'refusal')
        .at(-1),
    ).toMatchObject({ reason: 'drifted', stage: 'verify-server' })
    expect((await cli('server', 'list')).out).toContain('definitions held')
  })

  it('a tool that was never listed is not called, whatever the server would answer (N129)', async () => {
    const { ask, call, approve, running } = await start()
    await ask('tools/list')
    await approve()
    const refused = await call('secret_admin')
    expect([reasonOf(refused), refused.body.error.message]).toEqual(['unknown', 'Unknown name'])
    const [refusal] = running
      .events()
      .filter(e => e['type'] === 'refusal')
      .slice(-1)
    expect(refusal).toMatchObject({ reason: 'unknown', stage: 'verify-server', subject: { name: 'secret_admin' } })
    expect(running.events().filter(e => e['type'] === 'intent')).toEqual([])
  })

  it('attack: listening to what was not admitted: a filter is honoured for admitted resources alone, and for none of a server under review', async () => {
    const { ask, approve, running } = await start()
    const honoured = async (): Promise<unknown> => {
      const method = 'subscriptions/listen'
      const resourceSubscriptions = ['mem://one', 'mem://items/7', 'mem://never-listed']
      const stream = await fetch(running.url + PATH, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          authorization: `Bearer ${await running.token(PATH)}`,
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': method,
        },
        body: modernBody(method, { notifications: { toolsListChanged: true, resourceSubscriptions } }),
      })
      const events = eventsOf(stream)
      const first = JSON.parse((await nextEvent(events)).data) as { params: { notifications: unknown } }
      await events.return(undefined)
      return first.params.notifications
    }
    expect(await honoured()).toEqual({ toolsListChanged: true })
    for (const method of ['tools/list', 'resources/list', 'resources/templates/list']) await ask(method)
    await approve()
    expect(await honoured()).toEqual({ toolsListChanged: true, resourceSubscriptions: ['mem://one', 'mem://items/7'] })
  })

  it('`exact`: one definition that was not admitted holds the whole server', async () => {
    const { ask, call, approve } = await start(1)
    await ask('tools/list')
    await approve('--mode', 'exact')
    expect((await call()).body.result).toBeDefined()
    await expect.poll(async () => reasonOf(await call())).toBe('quarantined')
    expect(reasonOf(await ask('skills/list'))).toBe('quarantined')
  })
})

describe('what a reviewer decides later', () => {
  it('a quarantine stops what was admitted, within seconds; the reason is told and recorded', async () => {
    const { ask, call, cli, approve, events } = await start()
    await ask('tools/list')
    await approve()
    expect(await cli('server', 'quarantine', 'weather')).toMatchObject({ code: 2 })
    expect(await cli('server', 'quarantine', 'weather', '--why', 'it phones home', '--reviewer', 'ben')).toMatchObject({ code: 0 })
    await expect.poll(async () => reasonOf(await call())).toBe('quarantined')
    expect((await call()).body.error.message).toContain('`ben` has put it in quarantine')
    expect((await cli('server', 'list')).out).toContain('refused by ben')
    expect(events('admission').at(-1)!['detail']).toMatchObject({ verdict: 'failed', reviewer: 'ben' })
  })

  it('attack: an admission that was edited admits nothing any more, and one that was removed neither', async () => {
    const { ask, call, approve, folder } = await start()
    await ask('tools/list')
    await approve()
    const file = join(folder, 'admissions', 'weather.json')
    const good = readFileSync(file, 'utf8')
    writeFileSync(file, good.replace('"mode":"subset"', '"mode":"exact"'))
    await expect.poll(async () => reasonOf(await call())).toBe('quarantined')
    expect((await call()).body.error.message).toContain('its admission says more, or says it otherwise')
    writeFileSync(file, good)
    await expect.poll(async () => reasonOf(await call())).toBe(undefined)
  })

  it('a reload to `configured` lets the configuration admit, and back', async () => {
    const { call, running } = await start()
    expect(reasonOf(await call())).toBe('quarantined')
    expect(await running.reload(settings(Infinity, { admission: 'configured' }))).toBe(undefined)
    expect(reasonOf(await call())).toBe(undefined)
    expect(await running.reload(settings(Infinity))).toBe(undefined)
    expect(reasonOf(await call())).toBe('quarantined')
  })
})
