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
/** Entries of the audit log about the tool `wait`. */
const waits = (alias: string, type: string): any[] =>
  gateway.events().filter(event => event['type'] === type && event['subject'].server === alias && event['subject'].name === 'wait')
/** Progress as it arrives on the wire: the SDK itself drops what comes in one chunk with the answer. */
function progressOn(transport: { onmessage?: ((message: any, ...rest: any[]) => void) | undefined }): number[] {
  const steps: number[] = []
  const inner = transport.onmessage
  transport.onmessage = (message, ...rest) => {
    if (message.method === 'notifications/progress') steps.push(message.params.progress)
    inner?.(message, ...rest)
  }
  return steps
}
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 20))
}

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
      const steps = progressOn(transport)
      await client.callTool({ name: `${alias}__slow` }, undefined, { onprogress: () => {} })
      expect(steps).toEqual([1, 2, 3])
      const [begun, ended] = [waits(alias, 'intent').length, waits(alias, 'outcome').length]
      const stop = new AbortController()
      const waiting = client.callTool({ name: `${alias}__wait` }, undefined, { signal: stop.signal })
      await until(() => waits(alias, 'intent').length > begun)
      stop.abort()
      await expect(waiting).rejects.toThrow(/abort/i)
      await until(() => waits(alias, 'outcome').length > ended)
      expect(waits(alias, 'outcome').at(-1)).toMatchObject({ outcome: 'stopped', reason: 'cancelled' })
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
    const { client, connect, transport } = await host2026(await target(), { tools: { onChanged: () => changed.resolve(undefined) } })
    let asked = 0
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: `name ${++asked}` } }))
    await connect()
    try {
      expect((await client.listTools()).tools.map(tool => tool.name)).toContain(`${alias}__echo`)
      expect(textOf(await client.callTool({ name: `${alias}__echo`, arguments: { text: 'hällo\u2028' } }))).toBe('hällo\u2028')
      expect(textOf(await client.callTool({ name: `${alias}__ask` }))).toBe('name 1 and name 2')
      const steps = progressOn(transport)
      await client.callTool({ name: `${alias}__slow` }, { onprogress: () => {} })
      expect(steps).toEqual([1, 2, 3])
      const [begun, ended] = [waits(alias, 'intent').length, waits(alias, 'outcome').length]
      const stop = new AbortController()
      const waiting = client.callTool({ name: `${alias}__wait` }, { signal: stop.signal })
      await until(() => waits(alias, 'intent').length > begun)
      stop.abort()
      await expect(waiting).rejects.toThrow(/abort/i)
      await until(() => waits(alias, 'outcome').length > ended)
      expect(waits(alias, 'outcome').at(-1)).toMatchObject({ outcome: 'stopped', reason: 'cancelled' })
      await client.callTool({ name: `${alias}__change` })
      await changed.promise
    } finally {
      await client.close()
    }
  })
})
