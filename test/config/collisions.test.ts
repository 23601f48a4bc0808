// Decisions about collisions as they are configured: about one entry each, and a name that is given means one entry.

import { describe, expect, it } from 'vitest'
import { faults, MINIMAL, snapshot, warnings, words } from './configs.ts'

const UPSTREAMS = 'upstreams: { notes: { stdio: { command: node } }, web: { stdio: { command: deno } } }\n'
const decide = (...all: string[]): string =>
  `${MINIMAL}${UPSTREAMS}collisions:\n${all.map(each => `  - { by: ann, why: seen, ${each} }\n`).join('')}`
const toldBy = async (...all: string[]): Promise<string> => words(decide(...all)).then(String)

describe('decisions about collisions', () => {
  it('are none by default, and read as they stand', async () => {
    expect((await snapshot(MINIMAL)).collisions).toEqual([])
    const read = await snapshot(
      decide('server: web, tool: "Format\\u200b_Code", resolve: alias, as: beautify', 'server: notes, template: "x://{y}", resolve: hide'),
    )
    expect(read.collisions).toEqual([
      { server: 'web', kind: 'tools', name: 'Format\u200b_Code', resolve: 'alias', as: 'beautify', by: 'ann', why: 'seen' },
      { server: 'notes', kind: 'templates', name: 'x://{y}', resolve: 'hide', by: 'ann', why: 'seen' },
    ])
  })

  it.each([
    ['two things at once', ['server: web, tool: a, prompt: a, resolve: hide'], 'exactly one of'],
    ['nothing', ['server: web, resolve: hide'], 'exactly one of'],
    ['a name that is not given', ['server: web, tool: a, resolve: alias'], 'go together'],
    ['a name that is given for nothing', ['server: web, tool: a, resolve: hide, as: b'], 'go together'],
    ['a name for a URI', ['server: web, resource: "x://y", resolve: alias, as: b'], 'cannot be given another name'],
    ['the name it has', ['server: web, tool: a, resolve: alias, as: a'], 'is the name it has'],
    ['a name that is too long beside other servers', [`server: web, tool: a, resolve: alias, as: ${'b'.repeat(44)}`], 'too long behind'],
    ['a name that names cannot have', ['server: web, tool: a, resolve: alias, as: "b c"'], 'letters, digits'],
    ['a command of a host', ['server: web, prompt: a, resolve: alias, as: clear'], 'a command of'],
    ['one entry twice', ['server: web, tool: a, resolve: hide', 'server: web, tool: a, resolve: accept'], 'about the same entry'],
    [
      'one name twice',
      ['server: web, tool: a, resolve: alias, as: c', 'server: web, tool: b, resolve: alias, as: c'],
      'gives the same name',
    ],
    [
      'a name that is given away',
      ['server: web, tool: a, resolve: alias, as: b', 'server: web, tool: b, resolve: alias, as: c'],
      'the own name of an entry that is given another',
    ],
  ])('are refused that are about %s', async (_what, all, message) => {
    expect(await toldBy(...all)).toContain(message)
  })

  it('about no upstream are a warning: they decide nothing', async () => {
    expect(JSON.stringify(await warnings(decide('server: gone, tool: a, resolve: hide')))).toContain('collision-unknown')
  })

  it('give one name to a tool and a prompt, or at two servers: those are two names', async () => {
    const all = [
      'server: web, tool: a, resolve: alias, as: c',
      'server: web, prompt: a, resolve: alias, as: c',
      'server: notes, tool: a, resolve: alias, as: c',
    ]
    expect(await faults(decide(...all))).toEqual([])
  })
})
