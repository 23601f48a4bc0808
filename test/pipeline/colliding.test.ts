// Servers compared on the path: once per change, before anything is shown, for everybody alike, and nobody waits for a server that does not answer.

import { describe, expect, it, vi } from 'vitest'
import type { PinnedSurface } from '../../src/admission/pinned-surface.ts'
import type { Digest } from '../../src/admission/primitive.ts'
import { readEntry, type Entry } from '../../src/catalog/entry.ts'
import { emptyList, type LiveList } from '../../src/catalog/lists.ts'
import { collide } from '../../src/collision/collide.ts'
import type { Collisions } from '../../src/collision/finding.ts'
import type { Inventory } from '../../src/collision/inventory.ts'
import { Resolutions, type Resolution } from '../../src/collision/resolution.ts'
import { digestOf } from '../../src/kernel/digest.ts'
import { heldStop } from '../../src/pipeline/collision-stop.ts'
import type { CollidingDeps, Judgement } from '../../src/pipeline/colliding.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { narrow } from '../../src/pipeline/held-entries.ts'
import { KnownLists } from '../../src/pipeline/known-lists.ts'
import { NOTHING_COLLIDES, testColliding } from '../support/colliding.ts'

const entryOf = (alias: string): UpstreamEntry => ({ alias, identity: `at ${alias}`, admission: 'configured' }) as UpstreamEntry

function listOf(alias: string, names: readonly string[], description = 'Does something.'): LiveList {
  const entries = names.map(
    name => readEntry('tools', Buffer.from(JSON.stringify({ name, description, inputSchema: { type: 'object' } }))) as Entry,
  )
  const byName = new Map(entries.map(entry => [entry.name, entry]))
  return {
    ...emptyList(alias, 'tools'),
    entries,
    digest: digestOf(JSON.stringify([alias, names, description])),
    find: name => byName.get(name),
  }
}

const ALL = { kind: 'all', path: '/mcp', aliases: ['a', 'b'] } as const
const A = { kind: 'server', path: '/servers/a/mcp', aliases: ['a'] } as const

function world(deps: Partial<CollidingDeps> = {}) {
  const entries = new Map(['a', 'b'].map(alias => [alias, entryOf(alias)]))
  const colliding = testColliding({
    upstreams: () => entries,
    endpoints: () => [ALL, A],
    rankOf: alias => [...entries.keys()].indexOf(alias),
    collide: async inventory => collide(inventory),
    ...deps,
  })
  const used = (alias: string, list: LiveList, caller = '') => ({ entry: entries.get(alias)!, list, caller })
  const shown = async (list: LiveList): Promise<string[]> => narrow(await colliding.judgement(ALL), list).entries.map(({ name }) => name)
  return { colliding, used, shown, entries }
}
/** Held by its name, whatever it is compared with. */
const holding =
  (...names: string[]) =>
  async ({ servers }: Inventory): Promise<Collisions> => ({
    ...NOTHING_COLLIDES,
    held: new Map(
      servers.map(({ alias, primitives }) => [
        alias,
        {
          entries: new Map(
            primitives
              .filter(({ name }) => names.includes(name))
              .map(({ kind, name }) => [
                `${kind} ${name}`,
                {
                  code: 'case-variant' as const,
                  severity: 'medium' as const,
                  disposition: 'held' as const,
                  sentence: 's',
                  subject: { name },
                  against: { name: 'x' },
                },
              ]),
          ),
        },
      ]),
    ),
  })

describe('a list', () => {
  it('is shown once it was compared, not before', async () => {
    let finish = (): void => {}
    const { colliding, used } = world({
      collide: () => new Promise(resolve => (finish = () => resolve(NOTHING_COLLIDES))),
    })
    const list = listOf('b', ['t'])
    const judged = colliding.judgement(ALL, [used('b', list)])
    const isDone = vi.fn()
    void Promise.resolve(judged).then(isDone)
    await new Promise(resolve => setImmediate(resolve))
    expect(isDone).not.toHaveBeenCalled()
    finish()
    expect(narrow(await judged, list).entries.map(({ name }) => name)).toEqual(['t'])
  })

  it('that nobody compared is empty', async () => {
    const { colliding, used, shown } = world()
    await colliding.judgement(ALL, [used('b', listOf('b', ['t']))])
    expect(await shown(listOf('b', ['other']))).toEqual([])
  })

  it('does not wait for a server that lists nothing', async () => {
    const { colliding, used } = world()
    const judgement = await colliding.judgement(ALL, [used('b', listOf('b', ['t']))])
    expect(judgement.known.get('a')?.hasRead('tools')).toBe(false)
  })

  it('is compared once, for everybody, whoever asks and however often', async () => {
    const compare = vi.fn(async () => NOTHING_COLLIDES)
    const { colliding, used } = world({ collide: compare })
    for (const caller of ['ann', 'bob', 'ann']) await colliding.judgement(ALL, [used('b', listOf('b', ['t']), caller)])
    expect(compare).toHaveBeenCalledTimes(1)
    expect(colliding.judgement(ALL, [used('b', listOf('b', ['t']), 'eve')])).not.toBeInstanceOf(Promise)
  })

  it('attack: is compared with what others are listed: a server that shows a look-alike to one person alone has it held for all', async () => {
    const { colliding, used, shown } = world()
    await colliding.judgement(ALL, [used('a', listOf('a', ['format_code']), 'ann')])
    await colliding.judgement(ALL, [used('b', listOf('b', ['Format_Code']), 'bob')])
    expect(await shown(listOf('b', ['Format_Code']))).toEqual([])
    expect(await shown(listOf('a', ['format_code']))).toEqual(['format_code'])
  })

  it('loses what its server took away, once its caller was listed something else', async () => {
    const { colliding, used, shown } = world()
    await colliding.judgement(ALL, [used('a', listOf('a', ['format_code']), 'ann'), used('b', listOf('b', ['Format_Code']), 'ann')])
    expect(await shown(listOf('b', ['Format_Code']))).toEqual([])
    await colliding.judgement(ALL, [used('a', listOf('a', ['weather']), 'ann')])
    expect(await shown(listOf('b', ['Format_Code']))).toEqual(['Format_Code'])
  })
})

describe('a change that is no list', () => {
  it('ends the old judgement at once: nothing is decided by it any more', async () => {
    let compare = holding()
    const { colliding, used, shown } = world({ collide: inventory => compare(inventory) })
    const list = listOf('b', ['t'])
    await colliding.judgement(ALL, [used('b', list)])
    expect(await shown(list)).toEqual(['t'])
    compare = holding('t')
    colliding.changed()
    expect(colliding.judgement(ALL)).toBeInstanceOf(Promise)
    expect(await shown(list)).toEqual([])
  })

  it('that comes while servers are compared is taken in before anybody is told', async () => {
    const held: string[] = []
    const { colliding, used } = world({ collide: inventory => holding(...held)(inventory) })
    const list = listOf('b', ['t'])
    const judged = colliding.judgement(ALL, [used('b', list)])
    held.push('t')
    colliding.changed()
    expect(narrow(await judged, list).entries).toEqual([])
  })

  it('tells whoever listens to a server when what is held of it is something else, and nobody else', async () => {
    const held: string[] = []
    const { colliding, used } = world({ collide: inventory => holding(...held)(inventory) })
    await colliding.judgement(ALL, [used('a', listOf('a', ['s'])), used('b', listOf('b', ['t']))])
    const [a, b] = [vi.fn(), vi.fn()]
    colliding.onChange('a', a)
    const end = colliding.onChange('b', b)
    held.push('t')
    colliding.changed()
    await colliding.judgement(ALL)
    expect([a.mock.calls.length, b.mock.calls.length]).toEqual([0, 1])
    end()
    held.pop()
    colliding.changed()
    await colliding.judgement(ALL)
    expect(b).toHaveBeenCalledTimes(1)
  })

  it('forgets what another server under the same alias listed', async () => {
    const { colliding, used, shown } = world()
    await colliding.judgement(ALL, [used('a', listOf('a', ['format_code']))])
    colliding.drop('a')
    await colliding.judgement(ALL, [used('b', listOf('b', ['Format_Code']))])
    expect(await shown(listOf('b', ['Format_Code']))).toEqual(['Format_Code'])
  })
})

describe('a comparison that fails', () => {
  it('shows nothing, and is tried again with the next question', async () => {
    let isBroken = true
    const { colliding, used } = world({
      collide: async () => {
        if (isBroken) throw new Error('no')
        return NOTHING_COLLIDES
      },
    })
    const list = listOf('b', ['t'])
    await expect(colliding.judgement(ALL, [used('b', list)])).rejects.toThrow('no')
    await expect(colliding.judgement(ALL)).rejects.toThrow('no')
    isBroken = false
    expect(narrow(await colliding.judgement(ALL, [used('b', list)]), list).entries).toHaveLength(1)
  })
})

describe('decisions', () => {
  const decided = (...all: Partial<Resolution>[]): Resolutions =>
    new Resolutions(all.map(each => ({ server: 'b', kind: 'tools', name: 'Format_Code', resolve: 'accept', by: 'ann', why: 'w', ...each })))
  const judged = async (resolutions: Resolutions, names = ['Format_Code']): Promise<Judgement> => {
    const { colliding, used } = world({ resolutions: () => resolutions })
    return colliding.judgement(ALL, [used('a', listOf('a', ['format_code'])), used('b', listOf('b', names))])
  }
  it('attack: what is hidden is called in vain though no list has it: a server need not list what it answers', async () => {
    const judgement = await judged(decided({ name: 'unlisted', resolve: 'hide' }))
    expect(heldStop(judgement, 'b', { kind: 'tool', name: 'unlisted' })?.detail).toContain('hidden')
  })
  const reasonOf = (judgement: Judgement, alias: string, name: string): string | undefined =>
    heldStop(judgement, alias, { kind: 'tool', name })?.detail

  it('that give an entry another name make it pass, and take that name from whatever else had it: a name means one entry', async () => {
    const judgement = await judged(decided({ resolve: 'alias', as: 'beautify' }), ['Format_Code', 'beautify'])
    expect(reasonOf(judgement, 'b', 'Format_Code')).toBeUndefined()
    expect(reasonOf(judgement, 'b', 'beautify')).toContain('alias-taken')
  })

  it('that give an entry the name of yet another are in vain: it is held under that, too', async () => {
    const judgement = await judged(decided({ resolve: 'alias', as: 'formatcode' }))
    expect(reasonOf(judgement, 'b', 'Format_Code')).toContain('`a`')
  })

  it('about an entry that nothing collides with are seen as such', async () => {
    const judgement = await judged(decided({ name: 'other' }))
    expect(judgement.plain.held.get('b')?.entries.has('tools Format_Code')).toBe(true)
    expect(judgement.plain.held.get('b')?.entries.has('tools other')).toBe(false)
  })

  it.each([
    [decided({ resolve: 'alias', as: 'beautify' }), 'tools', { Format_Code: 'beautify', other: 'other' }],
    [decided({ resolve: 'alias', as: 'x', name: 'y' }, { resolve: 'alias', as: 'p', name: 'q' }), 'tools', { y: 'x', q: 'p' }],
    [decided({ resolve: 'alias', as: 'beautify', kind: 'prompts' }), 'tools', { Format_Code: 'Format_Code', beautify: 'beautify' }],
  ] as const)('name entries so that each name leads back to its entry', (resolutions, kind, names) => {
    for (const [own, said] of Object.entries(names)) {
      expect(resolutions.said('b', kind, own)).toBe(said)
      expect(resolutions.own('b', kind, said)).toBe(own)
      if (said !== own) expect(resolutions.own('b', kind, own)).toBeUndefined()
    }
  })
})

describe('a server under review', () => {
  const digests = (...names: string[]) => new Map(names.map(name => [name, 'd' as Digest]))
  const surface = (...tools: string[]): PinnedSurface => ({
    mode: 'subset',
    instructions: null,
    primitives: { tool: digests(...tools), prompt: digests(), resource: digests(), resourceTemplate: digests() },
  })
  const reviewed = (surfaces: Record<string, PinnedSurface>) => {
    const entries = new Map(['a', 'b'].map(alias => [alias, { ...entryOf(alias), admission: 'required' as const }]))
    const known = new KnownLists({ surfaceOf: ({ alias }) => surfaces[alias], digestIn: () => 'd', pause: async () => {}, now: () => 0 })
    return world({ upstreams: () => entries, known })
  }

  it('is compared by what was admitted, before it is started, and whoever calls (N124)', async () => {
    const { colliding } = reviewed({ a: surface('format_code'), b: surface('Format_Code', 'weather') })
    const judgement = await colliding.judgement(ALL)
    expect(heldStop(judgement, 'b', { kind: 'tool', name: 'Format_Code' })?.stop).toBe('collision-held')
    expect(heldStop(judgement, 'b', { kind: 'tool', name: 'weather' })).toBeUndefined()
    expect(heldStop(judgement, 'a', { kind: 'tool', name: 'format_code' })).toBeUndefined()
  })

  it('is shown what a reviewer admits once that was compared, too', async () => {
    const surfaces: Record<string, PinnedSurface> = { a: surface('format_code'), b: surface('weather') }
    const { colliding, entries } = reviewed(surfaces)
    const judgement = await colliding.judgement(ALL, [
      { entry: { ...entries.get('b')!, admission: 'required' }, list: listOf('b', ['weather']), caller: '' },
    ])
    expect(narrow(judgement, listOf('b', ['weather', 'Format_Code'])).entries.map(({ name }) => name)).toEqual(['weather'])
    surfaces['b'] = surface('weather', 'Format_Code')
    colliding.changed()
    const after = await colliding.judgement(ALL)
    expect(narrow(after, listOf('b', ['weather', 'Format_Code'])).entries.map(({ name }) => name)).toEqual(['weather'])
    expect(heldStop(after, 'b', { kind: 'tool', name: 'Format_Code' })?.stop).toBe('collision-held')
  })
})
