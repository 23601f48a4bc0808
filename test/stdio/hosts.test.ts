import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALLOW_ALL, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { host2025, host2026, stdioUpstream } from './world.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({
    upstreams: {
      old: { stdio: stdioUpstream('sdk-v1.ts'), allow: [structuredClone(ALLOW_ALL)] },
      new: { stdio: stdioUpstream('sdk-v2.ts'), allow: [structuredClone(ALLOW_ALL)] },
    },
  })
})
afterAll(() => gateway.stop())

const textOf = (result: any): string => result.content[0].text
const target = async (path = '/mcp') => ({ url: `${gateway.snapshot.publicUrl}${path}`, token: await gateway.token(path) })

describe.each(['old', 'new'])('a 2025 host (SDK v1) on stdio, upstream `%s`', alias => {
  it('connects, lists, calls, answers two questions, hears progress, cancels, hears that a list changed', async () => {
    const { client, connect, transport } = await host2025(await target())
    const changed = Promise.withResolvers<undefined>()
    const asked: string[] = []
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params.message)
      return { action: 'accept', content: { name: `name ${asked.length}` } }
    })
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed.resolve(undefined))
    await connect()
    try {
      expect(client.getServerVersion()?.name).toBe('gatehouse')
      expect((await client.listTools()).tools.map(tool => tool.name)).toContain(`${alias}__echo`)
      expect(textOf(await client.callTool({ name: `${alias}__echo`, arguments: { text: 'hällo\u2028' } }))).toBe('hällo\u2028')
      expect(textOf(await client.callTool({ name: `${alias}__ask` }))).toBe('name 1 and name 2')
      const steps: number[] = []
      await client.callTool({ name: `${alias}__slow` }, undefined, { onprogress: ({ progress }) => steps.push(progress) })
      expect(steps).toEqual([1, 2, 3])
      const stop = new AbortController()
      const waiting = client.callTool({ name: `${alias}__wait` }, undefined, { signal: stop.signal })
      stop.abort()
      await expect(waiting).rejects.toThrow(/abort/i)
      await client.callTool({ name: `${alias}__change` })
      await changed.promise
    } finally {
      await client.close()
    }
    expect(transport.pid).toBeNull()
  })
})

describe.each(['old', 'new'])('a 2026 host (SDK v2, pinned) on stdio, upstream `%s`', alias => {
  it('connects, lists, calls, answers two questions, hears progress, cancels, hears that a list changed', async () => {
    const changed = Promise.withResolvers<undefined>()
    const { client, connect } = await host2026(await target(), { tools: { onChanged: () => changed.resolve(undefined) } })
    let asked = 0
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: `name ${++asked}` } }))
    await connect()
    try {
      expect((await client.listTools()).tools.map(tool => tool.name)).toContain(`${alias}__echo`)
      expect(textOf(await client.callTool({ name: `${alias}__echo`, arguments: { text: 'hällo\u2028' } }))).toBe('hällo\u2028')
      expect(textOf(await client.callTool({ name: `${alias}__ask` }))).toBe('name 1 and name 2')
      const steps: number[] = []
      await client.callTool({ name: `${alias}__slow` }, { onprogress: ({ progress }) => steps.push(progress) })
      expect(steps).toEqual([1, 2, 3])
      const stop = new AbortController()
      const waiting = client.callTool({ name: `${alias}__wait` }, { signal: stop.signal })
      stop.abort()
      await expect(waiting).rejects.toThrow(/abort/i)
      await client.callTool({ name: `${alias}__change` })
      await changed.promise
    } finally {
      await client.close()
    }
  })
})
