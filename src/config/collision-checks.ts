// What decisions about collisions must be: about one entry each, and a given name means one entry and nothing else.

import { HOSTS } from '../collision/host-commands.ts'
import type { Resolution } from '../collision/resolution.ts'
import type { CollisionDocument } from './collision-table.ts'
import type { Reading } from './reading.ts'
import type { ConfigDocument } from './table.ts'

const KINDS = { tool: 'tools', prompt: 'prompts', resource: 'resources', template: 'templates' } as const
type Word = keyof typeof KINDS
const WORDS = Object.keys(KINDS) as readonly Word[]

export function checkCollisions(doc: ConfigDocument, reading: Reading): void {
  const about = new Map<string, number>()
  const given = new Map<string, number>()
  doc.collisions.forEach((each, index) => {
    const at = `collisions[${index}]`
    if (reading.isFaulty(at)) return
    const word = checkShape(each, at, reading)
    if (!word) return
    if (!doc.upstreams.has(each.server))
      reading.warn(
        'collision-unknown',
        `${at}.server`,
        'no upstream has this alias: the decision is about nothing',
        'take it out, or mend the alias',
      )
    twice(about, `${each.server} ${word} ${each[word] ?? ''}`, { index, at, reading, what: 'another decision is about the same entry' })
    if (each.as === undefined) return
    checkName(each, { word, at, reading })
    twice(given, `${each.server} ${word} ${each.as}`, { index, at: `${at}.as`, reading, what: 'another decision gives the same name' })
  })
  for (const [index, each] of doc.collisions.entries()) checkTaken(doc, each, { at: `collisions[${index}]`, reading })
}

/** The one member that names the entry. */
function checkShape(each: CollisionDocument, at: string, reading: Reading): Word | undefined {
  const named = WORDS.filter(word => each[word] !== undefined)
  const [word] = named
  if (named.length !== 1 || !word) {
    reading.fault('conflict', at, 'expected exactly one of `tool`, `prompt`, `resource` and `template`', 'name the entry that is held')
    return undefined
  }
  if ((each.resolve === 'alias') !== (each.as !== undefined)) {
    reading.fault('conflict', at, '`resolve: alias` and `as` go together', '`as` is the name to show it under')
    return undefined
  }
  if (each.as !== undefined && word !== 'tool' && word !== 'prompt') {
    reading.fault('conflict', at, 'a URI cannot be given another name', 'use `priority`, `hide` or `accept`')
    return undefined
  }
  return word
}

/** As catalog/names.ts has it: what is longer would stand there in an escaped form. */
const MAX_QUALIFIED = 48

const hostOf = (name: string): string | undefined => HOSTS.find(({ commands }) => commands.includes(name.toLowerCase()))?.host

type Naming = { readonly word: Word; readonly at: string; readonly reading: Reading }

function checkName({ server, as = '', ...each }: CollisionDocument, { word, at, reading }: Naming): void {
  const own = each[word]
  if (as === own) reading.fault('value', `${at}.as`, 'is the name it has', 'give it another')
  else if (word === 'prompt' && hostOf(as) !== undefined)
    reading.fault('value', `${at}.as`, `is a command of ${hostOf(as) ?? ''}`, 'take a name that no host has')
  else if (server.length + 2 + as.length > MAX_QUALIFIED)
    reading.fault('range', `${at}.as`, `is too long behind \`${server}__\``, 'take a shorter one')
}

type Twice = { readonly index: number; readonly at: string; readonly reading: Reading; readonly what: string }
function twice(known: Map<string, number>, key: string, { index, at, reading, what }: Twice): void {
  const first = known.get(key)
  if (first === undefined) known.set(key, index)
  else reading.fault('conflict', at, `${what}: collisions[${first}]`, 'keep one of them')
}

/** A name that is given may not be one that is given away: it would depend on the order what it means. */
function checkTaken(
  { collisions }: ConfigDocument,
  { server, as, ...each }: CollisionDocument,
  { at, reading }: Omit<Naming, 'word'>,
): void {
  if (as === undefined || reading.isFaulty(at)) return
  const word = WORDS.find(kind => each[kind] !== undefined)
  if (word && collisions.some(other => other.server === server && other[word] === as && other.resolve === 'alias'))
    reading.fault('conflict', `${at}.as`, 'is the own name of an entry that is given another', 'take a name that nothing has')
}

/** INVARIANT: the document has no fault left. */
export const resolutionsOf = ({ collisions }: ConfigDocument): readonly Resolution[] =>
  collisions.flatMap(({ server, resolve, as, by, why, ...each }) => {
    const word = WORDS.find(kind => each[kind] !== undefined)
    return word ? [{ server, kind: KINDS[word], name: each[word] ?? '', resolve, ...(as !== undefined && { as }), by, why }] : []
  })
