// Prompts against the commands of hosts, in the form in which each host would show them (host-commands.ts).

import { formOf, latinOf } from '../kernel/look-alikes.ts'
import { HOSTS, type HostCommands } from './host-commands.ts'
import type { Inventory } from './inventory.ts'
import { lookOf } from './keys.ts'
import type { Ranked } from './rank.ts'
import { entryParty, type Match } from './report.ts'

type Command = { readonly host: HostCommands; readonly name: string }

/** By what a hasty reader takes it for; the hosts in the order of their list. */
const BUILT_IN: ReadonlyMap<string, readonly Command[]> = byLook()
function byLook(): Map<string, Command[]> {
  const found = new Map<string, Command[]>()
  for (const host of HOSTS) {
    for (const name of host.commands) found.set(lookOf(name), [...(found.get(lookOf(name)) ?? []), { host, name }])
  }
  return found
}
const SPACES = HOSTS.filter(host => host.rendering !== 'none' && host.space !== undefined)
const SLASH = /^\s*\/\s*/
const party = ({ host, name }: Command) => ({ host: host.host, name: `/${name}` })

export class CommandIndex {
  readonly #naming: Inventory['naming']
  readonly #rendered = new Map<string, Ranked>()

  constructor(naming: Inventory['naming']) {
    this.#naming = naming
  }

  find(entry: Ranked): readonly Match[] {
    const { name, title, exposed } = entry.primitive
    const shown = this.#naming === 'own' ? name : exposed
    const bare = this.#commandsOf(shown).find(({ host }) => host.rendering === 'bare')
    if (bare) return [{ code: 'host-command', against: party(bare) }]
    const typed = [name, title ?? ''].filter(text => SLASH.test(latinOf(text))).flatMap(text => this.#commandsOf(text))[0]
    if (typed) return [{ code: 'host-command', against: party(typed) }]
    const [own] = this.#commandsOf(name)
    // Nobody writes `clear` in other letters, or with something hidden in it, by accident.
    if (own) return [{ code: isDressed(name) ? 'host-command' : 'command-name', against: party(own) }]
    return this.#sameRendering(entry, shown)
  }

  #commandsOf(text: string): readonly Command[] {
    return BUILT_IN.get(lookOf(latinOf(text.slice(0, 128)).replace(SLASH, ''))) ?? []
  }

  /** Two names that one host shows as one command. */
  #sameRendering(entry: Ranked, shown: string): readonly Match[] {
    for (const { space } of SPACES) {
      const other = this.#rendered.get(rendered(shown, space))
      if (other && other !== entry && other.primitive.exposed !== shown) return [{ code: 'same-rendering', against: entryParty(other) }]
    }
    return []
  }

  add(entry: Ranked): void {
    const shown = this.#naming === 'own' ? entry.primitive.name : entry.primitive.exposed
    for (const { space } of SPACES) if (!this.#rendered.has(rendered(shown, space))) this.#rendered.set(rendered(shown, space), entry)
  }
}

const isDressed = (name: string): boolean => formOf(name) !== name || latinOf(name) !== name
const rendered = (name: string, space: string | undefined): string => `${space ?? ''} ${name.trim().replaceAll(/\s+/g, space ?? ' ')}`
