// A long list as inspection lets it pass: judged in turns, once, and anew where other names became known.

import { describe, expect, it } from 'vitest'
import { readEntry, type Entry } from '../../src/catalog/entry.ts'
import { emptyList, type LiveList } from '../../src/catalog/lists.ts'
import { inspect } from '../../src/inspection/inspect.ts'
import { DEFAULT_TIERS } from '../../src/inspection/tiers.ts'
import { isStop } from '../../src/kernel/errors.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { InspectedDefinitions } from '../../src/pipeline/inspected-definitions.ts'

function listOf(alias: string, tools: readonly (readonly [name: string, description: string])[]): LiveList {
  const entries = tools.map(
    ([name, description]) =>
      readEntry('tools', Buffer.from(JSON.stringify({ name, description, inputSchema: { type: 'object' } }))) as Entry,
  )
  return { ...emptyList(alias, 'tools'), entries, digest: alias, find: name => entries.find(each => each.name === name) }
}
const at = (alias: string) =>
  ({ alias, admission: 'configured', inspection: DEFAULT_TIERS, accepted: new Set<string>() }) as unknown as UpstreamEntry

describe('a list of many definitions', () => {
  it('is judged in turns, then at once; and again when an order in it turns out to be about another server’s tool', async () => {
    let turns = 0
    const pause = async (): Promise<void> => {
      turns++
    }
    const inspected = new InspectedDefinitions({ inspect, record: async () => {}, pause })
    const text = 'Where `send_the_email` was called first, nothing is left to do.'
    const list = listOf(
      'a',
      Array.from({ length: 1_000 }, (_, i) => [`tool_${i}`, i === 7 ? text : 'Does something.'] as const),
    )
    const [here, other] = [at('a'), listOf('b', [['send_the_email', 'Sends.']])]
    await inspected.read(list)
    turns = 0
    const first = await inspected.visible(here, list)
    expect(isStop(first) ? first : first.entries.length).toBe(1_000)
    expect(turns).toBe(10)
    expect(inspected.visible(here, list)).toBe(first)
    expect(inspected.check(here, list, 'tool_7')).toBeUndefined()
    await inspected.read(other)
    turns = 0
    expect(inspected.check(here, list, 'tool_7')?.stop).toBe('definition-held')
    expect(turns).toBe(0)
    const second = await inspected.visible(here, list)
    expect(isStop(second) ? second : second.entries.length).toBe(999)
    expect(turns).toBe(10)
  })
})
