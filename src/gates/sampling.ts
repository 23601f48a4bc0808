// Sampling requests (MCP 2026-07-28 sampling): bounded, of a shape that is known, and without what would reach further than the question:
// the context of other servers, a provider's own switches, models nobody offered.

import type { Entry } from '../mcp/splice.ts'
import type { GateSettings } from './settings.ts'

type Limits = GateSettings['sampling']
type Plain = Readonly<Record<string, unknown>>

/** `dropped`, `set`: members of the params that change. `tools`: names the model may call; absent = none were offered. */
export type Sampling = {
  readonly dropped: readonly string[]
  readonly set: readonly Entry[]
  readonly tokens: number
  readonly tools?: readonly string[]
}

const BLOCKS: ReadonlySet<unknown> = new Set(['text', 'image', 'audio'])
const MAX_BLOCKS = 64
const MAX_STOPS = 16
const MAX_TOOL_NAME = 128

/** Reads params, plain data of `bytes` bytes. A string says what is wrong, in words of ours alone. */
export function readSampling(params: Plain, bytes: number, limits: Limits): Sampling | string {
  const maxTokens = tokensAsked(params)
  if (maxTokens === undefined) return 'it says no number of tokens'
  const problem = shapeProblem(params) ?? messagesProblem(params['messages'], limits.messages)
  if (problem !== undefined) return problem
  const tools = toolsOf(params, limits.tools)
  if (typeof tools === 'string') return tools
  const models = hintsOf(params['modelPreferences'], limits.models)
  if (typeof models === 'string') return models
  const permitted = Math.min(maxTokens, limits.maxTokens)
  return {
    dropped: [
      // R98: without the member a client includes the context of no server. What it says to a provider is between host and provider.
      ...(params['includeContext'] === 'none' ? [] : ['includeContext']),
      ...(limits.systemPrompt ? [] : ['systemPrompt']),
      ...(models === null ? ['modelPreferences'] : []),
    ],
    set: [
      ...(permitted === maxTokens ? [] : [['maxTokens', String(permitted)] as const]),
      ...(models ? [['modelPreferences', JSON.stringify(models)] as const] : []),
    ],
    tokens: tokensOf(permitted, bytes),
    ...(tools && { tools }),
  }
}

const tokensAsked = ({ maxTokens }: Plain): number | undefined =>
  typeof maxTokens === 'number' && Number.isSafeInteger(maxTokens) && maxTokens >= 1 ? maxTokens : undefined
function shapeProblem({ stopSequences, systemPrompt, temperature }: Plain): string | undefined {
  if (systemPrompt !== undefined && typeof systemPrompt !== 'string') return 'its system prompt is no text'
  if (temperature !== undefined && typeof temperature !== 'number') return 'its temperature is no number'
  const isList = stopSequences === undefined || (isTexts(stopSequences) && stopSequences.length <= MAX_STOPS)
  return isList ? undefined : `its stop sequences are no list of at most ${MAX_STOPS} texts`
}

/** What a request may cost: what the model may write, and a token for every four bytes it has to read. */
const tokensOf = (maxTokens: number, bytes: number): number => maxTokens + Math.ceil(bytes / 4)

/** R98: results of tools stand alone in their message, right behind the message that called them, and answer all of its calls. */
function messagesProblem(messages: unknown, most: number): string | undefined {
  if (!Array.isArray(messages) || messages.length > most) return `its messages are no list of at most ${most}`
  let open: ReadonlySet<unknown> = new Set()
  for (const message of messages as readonly unknown[]) {
    const read = readMessage(message)
    if (typeof read === 'string') return read
    if (read.answered.size !== open.size || ![...open].every(id => read.answered.has(id))) return UNMATCHED
    open = read.called
  }
  return open.size === 0 ? undefined : UNMATCHED
}
const UNMATCHED = 'its calls and results of tools do not match'

type Message = { readonly answered: ReadonlySet<unknown>; readonly called: ReadonlySet<unknown> }

function readMessage(message: unknown): Message | string {
  if (!isPlain(message) || (message['role'] !== 'user' && message['role'] !== 'assistant')) return 'it has a message of nobody'
  const { content, role } = message
  const blocks: readonly unknown[] = Array.isArray(content) ? content : [content]
  if (blocks.length > MAX_BLOCKS) return `it has a message of more than ${MAX_BLOCKS} blocks`
  if (!blocks.every(isPlain)) return 'it has a message without content'
  const results = blocks.filter(({ type }) => type === 'tool_result')
  if (results.length > 0 && (role !== 'user' || results.length < blocks.length)) return 'it mixes results of tools with other content'
  const calls = blocks.filter(({ type }) => type === 'tool_use')
  if (calls.length > 0 && role !== 'assistant') return 'it has calls of tools that no model made'
  if (calls.length + results.length < blocks.filter(({ type }) => !BLOCKS.has(type)).length) return 'it has content of no known type'
  const called = new Set(calls.map(({ id }) => id))
  if (called.size !== calls.length || called.has(undefined)) return 'it has calls of tools that cannot be told apart'
  return { answered: new Set(results.map(({ toolUseId }) => toolUseId)), called }
}

function toolsOf({ tools, toolChoice }: Plain, most: number): readonly string[] | string | undefined {
  if (tools === undefined && toolChoice === undefined) return undefined
  if (toolChoice !== undefined && (!isPlain(toolChoice) || !['auto', 'required', 'none', undefined].includes(toolChoice['mode'] as string)))
    return 'its choice of tools is none'
  if (tools === undefined) return []
  if (!Array.isArray(tools) || tools.length > most) return `its tools are no list of at most ${most}`
  const names = (tools as readonly unknown[]).map(tool => (isPlain(tool) ? tool['name'] : undefined))
  const isName = (name: unknown): name is string => typeof name === 'string' && name !== '' && name.length <= MAX_TOOL_NAME
  if (!names.every(isName)) return 'it has a tool without a name'
  return new Set(names).size === names.length ? names : 'it has two tools of one name'
}

/** Null: nothing is left of it. Undefined: it stays as it is. A string says what is wrong. */
function hintsOf(preferences: unknown, models: readonly string[]): Plain | null | string | undefined {
  if (preferences === undefined) return undefined
  if (!isPlain(preferences)) return 'its preferences of models are none'
  const { hints, ...rest } = preferences
  if (hints === undefined || models.length === 0) return undefined
  if (!Array.isArray(hints)) return 'its hints of models are no list'
  const kept = hints.filter(hint => isPlain(hint) && isOffered(hint['name'], models))
  if (kept.length === hints.length) return undefined
  if (kept.length === 0) return Object.keys(rest).length === 0 ? null : rest
  return { ...rest, hints: kept }
}
function isOffered(name: unknown, models: readonly string[]): boolean {
  if (typeof name !== 'string') return false
  return models.some(model => (model.endsWith('*') ? name.startsWith(model.slice(0, -1)) : name === model))
}

/** Whether this is a model's answer. `tools`: those it was offered. A string says what is wrong. */
export function sampledProblem(result: Plain, tools: readonly string[] | undefined): string | undefined {
  const { role, content, model, stopReason } = result
  if (role !== 'assistant') return 'it is of another role than assistant'
  if (typeof model !== 'string' || model === '' || model.length > 256) return 'it names no model'
  if (stopReason !== undefined && (typeof stopReason !== 'string' || !/^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(stopReason)))
    return 'its stop reason is none'
  const blocks: readonly unknown[] = Array.isArray(content) ? content : [content]
  if (blocks.length > MAX_BLOCKS || !blocks.every(isPlain)) return 'it has no content'
  if (blocks.some(block => block['type'] !== 'tool_use' && !BLOCKS.has(block['type']))) return 'it has content of no known type'
  const calls = blocks.filter(({ type }) => type === 'tool_use')
  if (calls.some(({ name }) => typeof name !== 'string' || tools?.includes(name) !== true)) return 'it calls a tool that it was not offered'
  if (stopReason === 'toolUse' && (tools === undefined || calls.length === 0)) return 'it stops for a tool, and calls none'
  return undefined
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(each => typeof each === 'string')
