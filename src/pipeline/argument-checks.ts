// Arguments before anything is sent: an administrator's rules, then the schema of the definition that was admitted. Judged are the very bytes that travel on.

import type { ArgumentGuard } from '../arguments/guard.ts'
import type { Value } from '../arguments/pointer.ts'
import type { Entry } from '../catalog/entry.ts'
import { digestOf } from '../kernel/digest.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, textOf, type JsonDoc } from '../mcp/json.ts'
import { isUnusable, type CompiledSchema, type Unusable } from '../schema/schema.ts'
import type { SchemaFault } from '../schema/run.ts'
import { Schemas } from '../schema/schemas.ts'
import type { Catalogue } from './catalogue.ts'
import type { Authenticated, Classified, Joined, Received } from './path.ts'
import type { Routed } from './stages/resolve-route.ts'

type Need = Received & Classified & Authenticated & Joined & Routed

const EMPTY = readJson(Buffer.from('{}')) as JsonDoc
const NOTHING: Value = { doc: EMPTY, node: EMPTY.root }

export class ArgumentChecks {
  readonly #catalogue: Pick<Catalogue, 'definition'>
  readonly #schemas = new Schemas()
  /** of lists that are still held; equal definitions of other lists share what was compiled */
  readonly #compiled = new WeakMap<Entry, CompiledSchema | Unusable>()
  readonly #prompts = new WeakMap<Entry, PromptArguments>()

  constructor(catalogue: Pick<Catalogue, 'definition'>) {
    this.#catalogue = catalogue
  }

  /** A stop where they may not pass. At once where the list is known, as it is for what was verified. */
  check(x: Need): Stop | undefined | Promise<Stop | undefined> {
    const { kind, entry, name } = x.route
    const guard = entry.arguments
    if (kind !== 'tool' && kind !== 'prompt') return undefined
    const value = argumentsOf(x)
    if (x.method !== 'completion/complete') {
      const forbidden = forbiddenBy(guard, kind, name, value)
      if (forbidden) return forbidden
    }
    if (!guard.isStrict) return undefined
    const found = this.#catalogue.definition(x, entry, kind, name)
    const judge = (defined: Awaited<typeof found>): Stop | undefined => {
      // Nothing goes upstream before the person has connected: a later stage says so.
      if (defined && isStop(defined)) return defined.stop === 'connection-required' ? undefined : defined
      if (!defined) return invalid('its definition is not known: the server does not list it', 'list again')
      return kind === 'tool' ? this.#tool(defined.entry, value) : this.#prompt(defined.entry, x, value)
    }
    return found instanceof Promise ? found.then(judge) : judge(found)
  }

  #tool(entry: Entry, value: Value): Stop | undefined {
    let schema = this.#compiled.get(entry)
    if (!schema) this.#compiled.set(entry, (schema = this.#compile(entry)))
    if (isUnusable(schema))
      return invalid(
        `the tool’s own schema cannot be used: ${schema.unusable}`,
        'whoever publishes the server mends it, or an administrator sets `arguments.validate: off` for this server',
      )
    const found = schema.judge(value)
    if ('unjudged' in found) return invalid(`they cannot be checked against the tool’s schema: ${found.unjudged}`, 'send less')
    return found.length === 0
      ? undefined
      : invalid(found.map(described).join('; '), 'call again with arguments that fit the schema of the tool')
  }
  #compile(entry: Entry): CompiledSchema | Unusable {
    const doc = readJson(entry.raw, { indexDepth: 1 })
    const schema = isJsonFault(doc) ? undefined : member(doc.root, 'inputSchema')
    if (isJsonFault(doc) || !schema) return { unusable: 'it has none' }
    const bytes = rawOf(doc, schema)
    return this.#schemas.of(digestOf(bytes), () => bytes)
  }

  #prompt(entry: Entry, x: Need, value: Value): Stop | undefined {
    let known = this.#prompts.get(entry)
    if (!known) this.#prompts.set(entry, (known = promptArguments(entry)))
    return x.method === 'completion/complete' ? completionFault(known, x) : promptFault(known, value)
  }
}

/** Arguments as sent; none are as good as empty ones. */
function argumentsOf(x: Need): Value {
  const node = member(x.params, 'arguments')
  return node && x.doc ? { doc: x.doc, node } : NOTHING
}

function forbiddenBy(guard: ArgumentGuard, kind: 'tool' | 'prompt', name: string, value: Value): Stop | undefined {
  const fault = guard.fault(kind, name, value)
  return (
    fault && {
      stop: 'arguments-forbidden',
      detail: `rule \`${fault.rule}\`: the argument at \`${fault.pointer}\` ${fault.problem}`,
      fix: 'call again with an argument that the rule permits, or ask whoever administers the gateway',
    }
  )
}

const invalid = (detail: string, fix: string): Stop => ({ stop: 'arguments-invalid', detail, fix })
const described = ({ pointer, keyword, expected }: SchemaFault): string =>
  `\`${pointer === '' ? '/' : pointer.slice(0, 200)}\` breaks \`${keyword}\`${expected === undefined ? '' : ` (${expected})`}`

type PromptArguments = { readonly names: ReadonlySet<string>; readonly required: readonly string[] }
/** As its definition lists them: `arguments: [{ name, required }]`. */
function promptArguments(entry: Entry): PromptArguments {
  const doc = readJson(entry.raw, { indexDepth: 3 })
  const items = isJsonFault(doc) ? [] : (member(doc.root, 'arguments')?.items ?? [])
  const named = isJsonFault(doc)
    ? []
    : items.flatMap(item => {
        const name = member(item, 'name')
        return name?.kind === 'string' ? [{ name: textOf(doc, name), isRequired: member(item, 'required')?.kind === 'true' }] : []
      })
  return { names: new Set(named.map(({ name }) => name)), required: named.filter(each => each.isRequired).map(({ name }) => name) }
}

const MAX_NAMED = 8
/** Values of prompts are texts (schema of `prompts/get`). What is not listed is counted, not repeated. */
function promptFault({ names, required }: PromptArguments, { node }: Value): Stop | undefined {
  const members = node.members ?? []
  const given = new Set(members.map(({ key }) => key))
  const missing = required.filter(name => !given.has(name)).slice(0, MAX_NAMED)
  const unknown = members.findIndex(({ key }) => !names.has(key))
  const noText = members.find(({ key, value }) => names.has(key) && value.kind !== 'string')
  const faults = [
    ...missing.map(name => `\`${name.slice(0, 128)}\` is missing`),
    ...(unknown < 0 ? [] : [`argument ${unknown + 1} is none of this prompt’s`]),
    ...(noText ? [`\`${noText.key.slice(0, 128)}\` is no text`] : []),
  ]
  return faults.length === 0 ? undefined : invalid(faults.join('; '), 'call again with the arguments that the prompt lists')
}
function completionFault({ names }: PromptArguments, x: Need): Stop | undefined {
  const name = member(member(x.params, 'argument'), 'name')
  if (x.doc && name?.kind === 'string' && names.has(textOf(x.doc, name))) return undefined
  return invalid('`argument.name` is none of this prompt’s arguments', 'complete an argument that the prompt lists')
}
