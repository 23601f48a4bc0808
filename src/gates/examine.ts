// One question of a server, whichever way it came: refused with a reason, or as the host may be shown it, with what its answer is held against later.

import type { Stop } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, textOf, valueOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { objectEdits, splice, type Entry } from '../mcp/splice.ts'
import { expectsForm, expectsNothing, expectsSampling } from './expected.ts'
import { readForm } from './form.ts'
import { ASKING_KEY, claimsToBeUs, labelled } from './label.ts'
import { readSampling } from './sampling.ts'
import type { GateSettings, QuestionKind } from './settings.ts'
import { checkUrl } from './url.ts'

type Slice = { readonly doc: JsonDoc; readonly node: JsonNode }
/** `hasMeta`: params of questions have a `_meta` in the host's era (2025), where who asks is said apart from the text, too. */
export type Asking = { readonly alias: string; readonly gates: GateSettings; readonly hasMeta: boolean }

export type Examined = {
  /** what the host gets instead of the server's own params; absent = there were none */
  readonly params?: Buffer
  /** of these, what is shown and not as the server wrote it, for where its other members have to stay */
  readonly shown: readonly Entry[]
  /** text of our own that `checkAnswer` reads */
  readonly expects: string
  /** what it may cost the host's model; 0 where none is asked */
  readonly tokens: number
}

/** Members of params that a host is shown. Whatever else a server adds is not: nobody would have judged what a host makes of it. */
const KNOWN: Readonly<Record<QuestionKind, ReadonlySet<string>>> = {
  'elicitation.form': new Set(['mode', 'message', 'requestedSchema']),
  'elicitation.url': new Set(['mode', 'message', 'url', 'elicitationId']),
  sampling: new Set(['messages', 'modelPreferences', 'systemPrompt', 'includeContext', 'temperature', 'maxTokens', 'stopSequences']),
  'sampling.tools': new Set([
    'messages',
    'modelPreferences',
    'systemPrompt',
    'includeContext',
    'temperature',
    'maxTokens',
    'stopSequences',
    'tools',
    'toolChoice',
  ]),
  roots: new Set(),
}

type Found = { readonly dropped?: readonly string[]; readonly shown?: readonly Entry[]; readonly expects: string; readonly tokens?: number }

/** Pure; time linear in the bytes of the question, which are bounded before anything of them is built. */
export function examine(kind: QuestionKind, params: Slice | undefined, asking: Asking): Examined | Stop {
  const own = params && shallow(params)
  if (own === 'unreadable') return { stop: 'upstream-invalid', detail: `\`${asking.alias}\` asked in a way that cannot be read` }
  const found = read(kind, own, asking)
  if ('stop' in found) return found
  const { dropped = [], shown = [], expects, tokens = 0 } = found
  if (!own) return { shown, expects, tokens }
  const isDropped = (key: string): boolean => !KNOWN[kind].has(key) || dropped.includes(key)
  const entries: readonly Entry[] = asking.hasMeta ? [...shown, ['_meta', `{"${ASKING_KEY}":${JSON.stringify(asking.alias)}}`]] : shown
  return { params: splice(own.doc.bytes, objectEdits(own.node, isDropped, entries)), shown, expects, tokens }
}

function shallow({ doc, node }: Slice): Slice | 'unreadable' {
  const own = readJson(rawOf(doc, node), { indexDepth: 1, maxDepth: 256 })
  return isJsonFault(own) || own.root.kind !== 'object' ? 'unreadable' : { doc: own, node: own.root }
}

function read(kind: QuestionKind, params: Slice | undefined, asking: Asking): Found | Stop {
  if (kind === 'roots') return { expects: expectsNothing('roots') }
  if (!params) return malformed(asking, 'it has no params')
  return kind === 'sampling' || kind === 'sampling.tools' ? sampling(params, asking) : elicitation(kind, params, asking)
}

function sampling({ doc, node }: Slice, asking: Asking): Found | Stop {
  const { alias, gates } = asking
  const bytes = node.end - node.start
  const most = gates.sampling.maxBytes
  const refused = (why: string): Stop => ({
    stop: 'sampling-refused',
    detail: `\`${alias}\` asked for sampling: ${why}`,
    fix: `an operator can change \`upstreams.${alias}.gates.sampling\`, if this is as it should be`,
  })
  if (bytes > most) return refused(`it has ${bytes} bytes, and ${most} are permitted`)
  const found = readSampling(valueOf(doc, node) as Readonly<Record<string, unknown>>, bytes, gates.sampling)
  if (typeof found === 'string') return refused(found)
  return { dropped: found.dropped, shown: found.set, tokens: found.tokens, expects: expectsSampling(found.tools) }
}

function elicitation(kind: 'elicitation.form' | 'elicitation.url', params: Slice, asking: Asking): Found | Stop {
  const { alias, gates } = asking
  const { doc, node } = params
  const text = member(node, 'message')
  const message = text?.kind === 'string' ? textOf(doc, text) : undefined
  if (message === undefined) return malformed(asking, 'it has no message')
  const refused = refusedForm(kind, alias)
  if (message.length > gates.elicitation.message)
    return refused(`its message has more than ${gates.elicitation.message} characters`, `gates.elicitation`)
  if (claimsToBeUs(message)) return refused('its message speaks as if it came from the gateway')
  const shown: Entry = ['message', JSON.stringify(labelled(alias, message))]
  if (kind === 'elicitation.form') {
    const form = formOf(params, gates.elicitation)
    return typeof form === 'string' ? refused(form, 'gates.elicitation') : { shown: [shown], expects: form.expects }
  }
  const url = member(node, 'url')
  const checked = url?.kind === 'string' ? checkUrl(textOf(doc, url), gates.elicitation.origins) : { problem: 'it has no address' }
  if ('problem' in checked) {
    const { problem, origin } = { origin: undefined, ...checked }
    return refused(
      origin === undefined ? problem : `${problem}: \`${origin}\``,
      origin === undefined ? undefined : 'gates.elicitation.origins',
    )
  }
  return { shown: [shown, ['url', JSON.stringify(checked.url)]], expects: expectsNothing('url') }
}

function formOf({ doc, node }: Slice, limits: GateSettings['elicitation']): { readonly expects: string } | string {
  const schema = member(node, 'requestedSchema')
  if (!schema) return 'the form has no schema'
  if (schema.end - schema.start > limits.maxBytes) return `the form has more than ${limits.maxBytes} bytes`
  const value = valueOf(doc, schema)
  const form = readForm(value, limits.fields)
  if (typeof form === 'string') return form
  return textsIn(value).some(claimsToBeUs) ? 'the form speaks as if it came from the gateway' : { expects: expectsForm(form) }
}

/** Everything that a person may be shown of a form that was read: names of fields, titles, descriptions, choices, defaults. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsIn(inner)])
}

const refusedForm =
  (kind: 'elicitation.form' | 'elicitation.url', alias: string) =>
  (why: string, setting?: string): Stop => ({
    stop: kind === 'elicitation.form' ? 'form-refused' : 'url-refused',
    detail: `\`${alias}\` asked the person: ${why}`,
    fix:
      setting === undefined
        ? 'tell whoever runs the server; nothing in the configuration permits it'
        : `an operator can change \`upstreams.${alias}.${setting}\`, if this is as it should be`,
  })

const malformed = ({ alias }: Asking, why: string): Stop => ({
  stop: 'upstream-invalid',
  detail: `\`${alias}\` asked in a way the protocol does not have: ${why}`,
})
