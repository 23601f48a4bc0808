// Texts of hosts' files made fit to be shown: whatever may be a secret is hidden, everything else stays as it is.

import { isSecretName, isSecretValue } from '../../config/sources.ts'
import { parseJsonc, splice } from '../jsonc.ts'
import type { Json } from '../jsonc.ts'

type Span = { readonly start: number; readonly end: number; readonly text: string }

/** The text with secrets hidden, or undefined when it cannot be read and nobody can tell what is secret. */
export function masked(text: string): string | undefined {
  const spans: Span[] = []
  try {
    collect(parseJsonc(text), { name: '', isSecret: false }, spans)
  } catch {
    return undefined
  }
  return splice(text, spans)
}

type Context = { readonly name: string; readonly isSecret: boolean }

function collect(node: Json, context: Context, spans: Span[]): void {
  if (node.kind === 'object') {
    for (const member of node.members) {
      // Headers of a server list are there to say who calls: all of them.
      const isSecret = context.name === 'headers' || isSecretName(member.key) || context.isSecret
      collect(member.value, { name: member.key, isSecret }, spans)
    }
  } else if (node.kind === 'array') {
    for (const [index, item] of node.items.entries()) {
      const before = node.items[index - 1]
      const option =
        before?.kind === 'value' && typeof before.value === 'string' && /^--?[\w-]+$/.test(before.value) && isSecretName(before.value)
      collect(item, { name: context.name, isSecret: context.isSecret || option }, spans)
    }
  } else if (isSecretScalar(node.value, context.isSecret)) {
    spans.push({ start: node.start, end: node.end, text: '"(hidden)"' })
  }
}

function isSecretScalar(value: string | number | boolean | null, isSecret: boolean): boolean {
  if (typeof value === 'number') return isSecret
  if (typeof value !== 'string' || value === '') return false
  const [option] = /^--?[\w-]+(?==.)/.exec(value) ?? []
  return isSecret || isSecretValue(value) || (option !== undefined && isSecretName(option))
}
