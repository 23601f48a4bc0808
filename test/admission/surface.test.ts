// Five real surfaces: whatever changes in a definition is seen, and how it is written is not a change.

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { areInstructionsAdmitted, compare } from '../../src/admission/compare.ts'
import { digestOfSurface, type PinnedSurface } from '../../src/admission/pinned-surface.ts'
import {
  digestOfInstructions,
  digestOfPrimitive,
  NAMED_BY,
  PRIMITIVE_KINDS,
  type Digest,
  type PrimitiveKind,
} from '../../src/admission/primitive.ts'
import { readSurface, REAL_SERVERS, type RealSurface } from './surfaces.ts'
import { casesOf, hasVectors } from './vectors.ts'

type Definition = Readonly<Record<string, unknown>>
const nameOf = (kind: PrimitiveKind, definition: Definition): string => String(definition[NAMED_BY[kind]])
const digest = (kind: PrimitiveKind, definition: unknown): Digest | 'unreadable' =>
  digestOfPrimitive(kind, JSON.stringify(definition)) ?? 'unreadable'
const seen = (kind: PrimitiveKind, definitions: readonly Definition[]) => definitions.map(d => [nameOf(kind, d), digest(kind, d)] as const)

function pinned({ instructions, definitions }: RealSurface, mode: PinnedSurface['mode'] = 'subset'): PinnedSurface {
  const of = (kind: PrimitiveKind) => new Map(seen(kind, definitions[kind]) as readonly (readonly [string, Digest])[])
  return {
    mode,
    instructions: instructions === undefined ? null : digestOfInstructions(instructions)!,
    primitives: { tool: of('tool'), prompt: of('prompt'), resource: of('resource'), resourceTemplate: of('resourceTemplate') },
  }
}

/** Every way to change one leaf of a value, or to add or drop one. */
function* mutations(value: unknown, path: readonly (string | number)[] = []): Generator<readonly [string, (root: any) => void]> {
  const at = path.join('/')
  const set = (to: unknown) => (root: any) => {
    const parent = path.slice(0, -1).reduce((inner, key) => inner[key], root)
    parent[path.at(-1)!] = to
  }
  if (typeof value === 'string') yield [`${at} one blank more`, set(`${value} `)]
  else if (typeof value === 'number') yield [`${at} one more`, set(value + 1)]
  else if (typeof value === 'boolean') yield [`${at} turned`, set(!value)]
  else if (value === null) yield [`${at} no longer null`, set(false)]
  else if (Array.isArray(value)) {
    yield [`${at} one item more`, set([...value, 'x'])]
    for (const [i, item] of value.entries()) yield* mutations(item, [...path, i])
  } else {
    if (path.length > 0) yield [`${at} one member more`, set({ ...(value as object), 'x-unknown': 1 })]
    for (const [key, inner] of Object.entries(value as object)) {
      yield [
        `${at}/${key} gone`,
        root => {
          const parent = path.reduce((within, step) => within[step], root)
          Reflect.deleteProperty(parent, key)
        },
      ]
      yield* mutations(inner, [...path, key])
    }
  }
}

function shuffled(value: unknown, random: () => number): unknown {
  if (Array.isArray(value)) return value.map(item => shuffled(item, random))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(entry => [random(), entry] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => a - b).map(([, [key, inner]]) => [key, shuffled(inner, random)]))
}

describe.each(Object.keys(REAL_SERVERS))('the surface of %s', server => {
  let surface: RealSurface
  let admitted: PinnedSurface
  beforeAll(async () => {
    surface = await readSurface(server)
    admitted = pinned(surface)
  })

  it('is the same as itself, whatever the order of its lists', () => {
    for (const kind of PRIMITIVE_KINDS) {
      const again = compare(kind, seen(kind, surface.definitions[kind].toReversed()), admitted)
      expect([again.same.size, again.held.size, again.missing]).toEqual([surface.definitions[kind].length, 0, []])
    }
    expect(surface.definitions.tool.length).toBeGreaterThan(0)
  })

  it('every leaf of every definition, changed, dropped or added to, is a change: 100 %', () => {
    let count = 0
    for (const kind of PRIMITIVE_KINDS) {
      for (const definition of surface.definitions[kind]) {
        for (const [what, change] of mutations(definition)) {
          const mutated = structuredClone(definition)
          change(mutated)
          count += 1
          const { same, held } = compare(kind, [[nameOf(kind, mutated), digest(kind, mutated)]], admitted)
          expect([what, same.size, held.size]).toEqual([what, 0, 1])
        }
      }
    }
    expect(count).toBeGreaterThan(surface.definitions.tool.length * 5)
  })

  it('order of keys, white space and escapes are not: 0 alarms', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), fc.constantFrom(0, 1, '\t'), (numbers, indent) => {
        const random = (): number => numbers.next().value as number
        for (const kind of PRIMITIVE_KINDS) {
          for (const definition of surface.definitions[kind]) {
            const text = JSON.stringify(shuffled(definition, random), undefined, indent)
            const written = text.replace(/[a-z]/, c => c) // the text as it is, and once with every letter of its strings escaped
            const escaped = text.replace(
              /"((?:[^"\\]|\\.)*)"/g,
              (_, inner: string) => `"${inner.replace(/(?<!\\)[g-m]/g, c => `\\u00${c.charCodeAt(0).toString(16)}`)}"`,
            )
            for (const json of [written, escaped]) {
              expect(digestOfPrimitive(kind, json)).toBe(admitted.primitives[kind].get(nameOf(kind, definition)))
            }
          }
        }
      }),
      { numRuns: 5 },
    )
  })

  it('instructions are pinned to the character', () => {
    const text = surface.instructions ?? 'none were given'
    expect(areInstructionsAdmitted(surface.instructions === undefined ? undefined : digestOfInstructions(text), admitted)).toBe(true)
    expect(areInstructionsAdmitted(digestOfInstructions(`${text} `), admitted)).toBe(false)
    expect(areInstructionsAdmitted(digestOfInstructions(text), undefined)).toBe(false)
  })

  it('another mode or another digest is another surface', () => {
    expect(digestOfSurface(admitted)).toBe(digestOfSurface(pinned(surface)))
    expect(digestOfSurface(pinned(surface, 'exact'))).not.toBe(digestOfSurface(admitted))
  })
})

const A = 'a'.repeat(64) as Digest
const B = 'b'.repeat(64) as Digest
const toolsPinned = (...names: readonly string[]): PinnedSurface => ({
  mode: 'subset',
  instructions: null,
  primitives: { tool: new Map(names.map(n => [n, A])), prompt: new Map(), resource: new Map(), resourceTemplate: new Map() },
})

describe('comparing a list', () => {
  it('attack: a decoy of the same name, before or behind it, does not take the incumbent out of the comparison (N125)', () => {
    for (const list of [
      [
        ['x', A],
        ['x', B],
      ],
      [
        ['x', B],
        ['x', A],
      ],
      [
        ['x', A],
        ['x', 'unreadable'],
      ],
    ] as const) {
      const { same, held, missing } = compare('tool', list, toolsPinned('x'))
      expect([same.size, held.get('x')?.standing, missing]).toEqual([0, 'changed', []])
    }
  })
  it.each(['Format_Code', 'fоrmat_code', 'format\u200b_code', 'format-code'])(
    'attack: a look-alike of a removed original is new and held: %j (N124)',
    name => {
      const { same, held, missing } = compare('tool', [[name, A]], toolsPinned('format_code'))
      expect([same.size, held.get(name)?.standing, missing]).toEqual([0, 'new', ['format_code']])
    },
  )
  it('nothing is the same as nothing: without an admission all is new', () => {
    expect(compare('tool', [['x', A]], undefined).held.get('x')).toEqual({ standing: 'new', kind: 'tool', name: 'x', live: A })
  })
  it('what has no digest is never the same', () => {
    expect(compare('tool', [['x', 'unreadable']], toolsPinned('x')).held.get('x')).toEqual({
      standing: 'changed',
      kind: 'tool',
      name: 'x',
      pinned: A,
    })
    expect(digestOfPrimitive('tool', '{"name":"x","max":9007199254740993}')).toBe(undefined)
    expect(digestOfInstructions('\ud800')).toBe(undefined)
  })
  it('one definition is not taken for one of another kind', () => {
    const json = '{"name":"x"}'
    expect(new Set(PRIMITIVE_KINDS.map(kind => digestOfPrimitive(kind, json))).size).toBe(4)
  })
})

describe.skipIf(!hasVectors)('the development vectors (skipped where the vectors are absent)', () => {
  const surfaceOf = (tools: readonly Definition[]): PinnedSurface => ({
    ...toolsPinned(),
    primitives: { ...toolsPinned().primitives, tool: new Map(seen('tool', tools) as readonly (readonly [string, Digest])[]) },
  })

  it('every drift, hostile or not, is held', () => {
    const pairs = casesOf('drift_pair')
    const passed = pairs.filter(({ payload }) => compare('tool', seen('tool', [payload.after]), surfaceOf([payload.before])).same.size > 0)
    expect(pairs.length).toBeGreaterThan(500)
    expect(passed.map(p => p.id)).toEqual([])
  })
  it('of every hostile pair of servers, nothing the impostor changes or adds passes as the admitted one', () => {
    const sets = casesOf('collision_set').filter(c => c.expected === 'flag' && c.class !== 'benign-collision')
    expect(sets.length).toBeGreaterThan(10)
    for (const { payload } of sets) {
      const [real, impostor] = payload.servers as readonly { readonly tools: readonly Definition[] }[]
      const admitted = surfaceOf(real!.tools)
      const { same } = compare('tool', seen('tool', impostor!.tools), admitted)
      for (const tool of impostor!.tools) {
        const equal = real!.tools.some(t => digest('tool', t) === digest('tool', tool) && t['name'] === tool['name'])
        expect(same.has(String(tool['name']))).toBe(equal)
      }
    }
  })
  it('registry entries and real definitions have a digest, and only their own', () => {
    const entries = casesOf('registry_entry').map(c => digest('resource', c.payload))
    expect(new Set(entries).size).toBe(entries.length)
    expect(entries).not.toContain('unreadable')
  })
})
