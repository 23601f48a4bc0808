// The rules of one upstream, made once for its configuration, over the arguments of a call. Every value at a pointer is judged as the bytes have it that are forwarded.

import type { Steps } from '../kernel/pattern/machine.ts'
import { compilePattern, isPattern, type Pattern } from '../kernel/pattern/pattern.ts'
import { textOf } from '../mcp/json.ts'
import { commandProblem, identifierProblem, wordsOf } from './commands.ts'
import { isPlace, isUnder, placeOf, type Place } from './paths.ts'
import { stepsOf, valuesAt, type Value } from './pointer.ts'
import type { ArgumentRule, ArgumentSettings } from './rule.ts'
import { urlProblem } from './urls.ts'

/** `problem`: lower case, never a value. */
export type RuleFault = { readonly rule: string; readonly pointer: string; readonly problem: string }

/** For the patterns of all rules of one call. */
const MAX_STEPS = 500_000

type Compiled = ArgumentRule & {
  readonly steps: NonNullable<ReturnType<typeof stepsOf>>
  readonly places: readonly Place[]
  readonly compiled: Pattern | undefined
}

export class ArgumentGuard {
  readonly isStrict: boolean
  readonly #tools: ByName
  readonly #prompts: ByName
  readonly #roots: readonly Place[] | undefined

  /** INVARIANT: the settings were checked when the configuration was read; what cannot be read all the same refuses everything it names. */
  constructor({ validate, rules, resourceRoots }: ArgumentSettings) {
    this.isStrict = validate === 'strict'
    const compiled = rules.map(compile)
    this.#tools = byName(compiled, rule => rule.tools)
    this.#prompts = byName(compiled, rule => rule.prompts)
    this.#roots = resourceRoots.length === 0 ? undefined : placesOf(resourceRoots)
  }

  /** The first rule that refuses these arguments. Cost grows with the rules that name this tool or prompt, not with all. */
  fault(kind: 'tool' | 'prompt', name: string, value: Value): RuleFault | undefined {
    const { named, all } = kind === 'tool' ? this.#tools : this.#prompts
    const steps = { left: MAX_STEPS }
    for (const rule of [...(named.get(name) ?? []), ...all]) {
      const problem = problemOf(rule, value, steps)
      if (problem !== undefined) return { rule: rule.id, pointer: rule.pointer, problem }
    }
    return undefined
  }

  /** Why a resource is refused by where it lies. */
  resourceProblem(uri: string): string | undefined {
    return this.#roots && placeProblem(uri, this.#roots)
  }
}

type ByName = { readonly named: ReadonlyMap<string, readonly Compiled[]>; readonly all: readonly Compiled[] }
function byName(rules: readonly Compiled[], names: (rule: Compiled) => readonly string[]): ByName {
  const named = new Map<string, Compiled[]>()
  for (const rule of rules.filter(each => !names(each).includes('*')))
    for (const name of new Set(names(rule))) named.set(name, [...(named.get(name) ?? []), rule])
  return { named, all: rules.filter(rule => names(rule).includes('*')) }
}

function compile(rule: ArgumentRule): Compiled {
  const found = rule.pattern === undefined ? undefined : compilePattern(`^(?:${rule.pattern})$`)
  const compiled = found && isPattern(found) ? found : found && { size: 0, test: () => false }
  return { ...rule, steps: stepsOf(rule.pointer) ?? [], places: placesOf(rule.roots ?? []), compiled }
}
const placesOf = (roots: readonly string[]): readonly Place[] => roots.map(placeOf).filter(isPlace)

function problemOf(rule: Compiled, value: Value, steps: Steps): string | undefined {
  const found = valuesAt(value, rule.steps)
  if ('problem' in found) return found.problem
  for (const each of found) {
    const problem = rule.command && each.node.kind === 'array' ? listedCommand(rule, each, steps) : textProblem(rule, each, steps)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** A command whose words stand one by one. */
function listedCommand(rule: Compiled, value: Value, steps: Steps): string | undefined {
  const words = valuesAt(value, [{ isEach: true }])
  if ('problem' in words) return words.problem
  if (words.some(({ node }) => node.kind !== 'string')) return 'expected texts'
  for (const word of words) {
    const problem = plainProblem(rule, textOf(word.doc, word.node), steps)
    if (problem !== undefined) return problem
  }
  return commandProblem(
    words.map(({ doc, node }) => textOf(doc, node)),
    rule.command ?? [],
  )
}

function textProblem(rule: Compiled, { doc, node }: Value, steps: Steps): string | undefined {
  if (node.kind !== 'string') return 'is no text'
  const text = textOf(doc, node)
  return (
    plainProblem(rule, text, steps) ??
    (rule.roots && placeProblem(text, rule.places)) ??
    (rule.url && urlProblem(text, rule.url)) ??
    (rule.command && commandProblem(wordsOf(text), rule.command)) ??
    (rule.identifier === undefined ? undefined : identifierProblem(text, rule.identifier))
  )
}

/** Length first: it bounds what the others look at. */
function plainProblem({ maxLength, compiled }: Compiled, text: string, steps: Steps): string | undefined {
  if (maxLength !== undefined && text.length > maxLength && Array.from(text.slice(0, 2 * maxLength + 2)).length > maxLength)
    return `is longer than ${maxLength} characters`
  if (!compiled) return undefined
  const isFit = compiled.test(text, steps)
  return isFit === undefined ? 'is longer than its pattern can be tried on' : isFit ? undefined : 'does not fit its pattern'
}

function placeProblem(text: string, roots: readonly Place[]): string | undefined {
  const place = placeOf(text)
  if (!isPlace(place)) return place.problem
  return roots.some(root => isUnder(place, root)) ? undefined : 'lies outside of its roots'
}
