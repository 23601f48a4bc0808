import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { keyOf } from '../../src/kernel/principal.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import type { Authenticated, Received } from '../../src/pipeline/path.ts'
import { exposeTask, taskIn } from '../../src/pipeline/task-names.ts'

const sealer = createSealer({ current: randomBytes(32) }, randomBytes)
const of = (subject: string): Pick<Received, 'endpoint'> & Authenticated =>
  ({ principal: { key: keyOf('https://i', subject) }, endpoint: { resource: 'https://g/servers/weather/mcp' } }) as never
const alice = of('alice')
const served = (version?: string) => ({ alias: 'weather', ...(version !== undefined && { version }) })
const idOf = (version?: string): string =>
  (JSON.parse(exposeTask(sealer, alice, served(version), Buffer.from('{"taskId":"t-1"}'))!.toString()) as { taskId: string }).taskId
const find = (id: string, version?: string) => taskIn(sealer, alice, id, () => served(version))?.taskId

describe('a task of one version of a server', () => {
  it('is found while that version is behind the alias', () => {
    expect(find(idOf('com.example/weather@1.0.0 aa'), 'com.example/weather@1.0.0 aa')).toBe('t-1')
    expect(find(idOf())).toBe('t-1')
    expect(taskIn(sealer, of('bob'), idOf(), () => served())).toBe(undefined)
  })
  it.each<[string, string | undefined, string | undefined]>([
    ['of a later version', 'com.example/weather@1.0.0 aa', 'com.example/weather@1.1.0 bb'],
    ['of the same version with another server.json', 'com.example/weather@1.0.0 aa', 'com.example/weather@1.0.0 bb'],
    ['of a configured program', 'com.example/weather@1.0.0 aa', undefined],
    ['of a served version, asked where a program was', undefined, 'com.example/weather@1.0.0 aa'],
  ])('attack: its id is handed to the server %s: it does not exist there', (_what, made, asked) => {
    expect(find(idOf(made), asked)).toBe(undefined)
  })
})
