// Whether what is asked for is held where it is asked for, and what is said of it.

import type { ListKind } from '../catalog/entry.ts'
import { matchesTemplate } from '../catalog/uri-template.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Asked } from './catalogue.ts'
import type { Judgement } from './colliding.ts'
import type { Held } from './held-entries.ts'

/** Where what is asked for stands; nothing for what stands in no list. */
export const LISTS_OF: Readonly<Record<Asked['kind'], readonly ListKind[] | undefined>> = {
  tool: ['tools'],
  prompt: ['prompts'],
  resource: ['resources', 'templates'],
  task: undefined,
  method: undefined,
}

/** The detail names both sides and stays in the audit log (mcp/replies.ts). */
export function heldStop(judgement: Judgement, alias: string, { kind, name }: Asked): Stop | undefined {
  const held = heldEntry(judgement, alias, { kind, name })
  if (!held) return undefined
  const { code, sentence, against } = held
  const by = against ? `, against ${against.server ?? against.host ?? ''} \`${against.name}\`` : ''
  return {
    stop: 'collision-held',
    detail: `\`${alias}\`: the ${kind} \`${name.slice(0, 128)}\` is held (${code})${by}: ${sentence}`,
    fix: 'an administrator looks at `gatehouse collisions` and resolves it in the configuration',
  }
}

function heldEntry({ held, known }: Judgement, alias: string, { kind, name }: Asked): Held | undefined {
  const of = held.get(alias)
  if (!of || kind === 'task' || kind === 'method') return undefined
  if (kind !== 'resource') return of[kind === 'tool' ? 'tools' : 'prompts'].get(name)
  const own = of.resources.get(name) ?? of.templates.get(name)
  const lists = known.get(alias)?.of
  // A resource that stands for itself is not judged by a template that makes it, too.
  if (own || of.templates.size === 0 || lists?.resources.has(name) === true) return own
  const makes = (template: string): boolean => matchesTemplate(template, name)
  if ([...(lists?.templates.keys() ?? [])].some(template => !of.templates.has(template) && makes(template))) return undefined
  return [...of.templates].find(([template]) => makes(template))?.[1]
}
