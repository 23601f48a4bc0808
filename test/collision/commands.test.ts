// Prompts against the commands of hosts, as hosts would show them.

import { describe, expect, it } from 'vitest'
import { HOSTS } from '../../src/collision/host-commands.ts'
import type { Inventory } from '../../src/collision/inventory.ts'
import { codesOf, heldOf, inventory, prompt, server } from './world.ts'

const qualified = (name: string, title?: string): Inventory => inventory(server('notes', [prompt(name, title)]))
const own = (...names: readonly string[]): Inventory => ({
  naming: 'own',
  servers: [
    server(
      'notes',
      names.map(name => ({ ...prompt(name), exposed: name })),
    ),
  ],
})

describe('N132: prompts named like commands of hosts', () => {
  it.each(['help', 'clear', 'mcp', 'Help', 'compact'])(
    '`%s` beside other servers is shown as `notes__%s`: resolved, nobody is accused',
    name => {
      expect(codesOf(qualified(name))).toEqual(['command-name'])
      expect(heldOf(qualified(name))).toEqual([])
    },
  )
  it.each(['help', 'clear', 'mcp', 'Help', 'cle4r'.replace('4', 'a'), 'set-up-github'.replace('set-up', 'setup')])(
    'attack: `%s` under names of its own is held: some hosts show it bare',
    name => {
      expect(heldOf(own(name))).toEqual([`notes ${name}: host-command`])
    },
  )
  it('a command of hosts that put the server in front is none anywhere else', () => {
    expect(heldOf(own('ultrareview'))).toEqual([])
    expect(codesOf(own('ultrareview'))).toEqual(['command-name'])
  })
  it.each(['/clear', ' / help', '\uff0fclear', 'cl\u0435ar', 'he\u200blp'])('attack: `%s` is held wherever it is shown', name => {
    expect(heldOf(qualified(name))).toEqual([`notes ${name}: host-command`])
  })
  it('attack: a title that reads as a command is held', () => {
    expect(heldOf(qualified('tidy', '/clear'))).toEqual(['notes tidy: host-command'])
    expect(heldOf(qualified('tidy', 'Clear'))).toEqual([])
  })
  it('two prompts of one server that a host shows as one command are told, not held', () => {
    expect(codesOf(own('weekly report', 'weekly_report'))).toEqual(['same-rendering'])
    expect(heldOf(own('weekly report', 'weekly_report'))).toEqual([])
    expect(codesOf(own('weekly report', 'monthly report'))).toEqual([])
  })
})

describe('the list of hosts', () => {
  it('says of each where it is from and of when, and holds commands without their slash, once', () => {
    for (const { host, source, asOf, shows, commands } of HOSTS) {
      expect([host, source.length > 10, shows.length > 10]).toEqual([host, true, true])
      expect(asOf).toMatch(/^2026-\d\d-\d\d$/)
      expect(commands.filter(c => !/^[A-Za-z][A-Za-z-]*$/.test(c))).toEqual([])
      expect(new Set(commands).size).toBe(commands.length)
    }
  })
})
