import { describe, expect, it } from 'vitest'
import { collide, collideInSlices } from '../../src/collision/collide.ts'
import { heldBecause } from '../../src/collision/finding.ts'
import { inventory, server, tool } from './world.ts'

describe('two honest servers with one name', () => {
  const world = inventory(server('files', [tool('search')]), server('notes', [tool('search')], { since: 2 }))

  it('are told apart by our names, and nobody is accused', () => {
    const { findings, held } = collide(world)
    expect(findings).toMatchObject([{ code: 'same-name', severity: 'none', disposition: 'resolved', subject: { server: 'notes' } }])
    expect(held.size).toBe(0)
    expect(heldBecause(collide(world), 'notes', 'tools', 'search')).toBeUndefined()
  })

  it('are found the same in slices', async () => {
    expect(await collideInSlices(world, () => Promise.resolve())).toEqual(collide(world))
  })
})

describe('long lists', () => {
  const names = Array.from({ length: 3_000 }, (_, i) => `tool_${(i * 7_919) % 3_000}_x`)

  it('are sorted and compared in turns, and the same is found as at once', async () => {
    const world = () =>
      inventory(
        server(
          'files',
          names.map(name => tool(name)),
        ),
        server('notes', [tool('Tool_17_X')], { since: 2 }),
      )
    let turns = 0
    const found = await collideInSlices(world(), async () => {
      turns++
    })
    expect(found).toEqual(collide(world()))
    expect(heldBecause(found, 'notes', 'tools', 'Tool_17_X')?.code).toBe('case-variant')
    expect(turns).toBeGreaterThan(100)
  })
})
