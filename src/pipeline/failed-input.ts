// What a host sees when an upstream's error or an interactive flow cannot be carried over as it is (research/protocol.md section 2, "Impossible").

import type { UpstreamAnswer } from '../bridge/upstream.ts'
import { translateError } from '../bridge/translate-result.ts'
import type { Stop } from '../kernel/errors.ts'
import { member, valueOf } from '../mcp/json.ts'
import { CODE, type Era } from '../mcp/revisions.ts'
import { scrubbedError, type Scrub } from './error-text.ts'
import type { Ready } from './ready.ts'
import type { Answered } from './path.ts'

/** A flow that failed on the host's side: text the model can read for tool calls, a plain error otherwise. */
export function failedInput(x: Ready, why: string): Answered | Stop {
  if (x.method !== 'tools/call') return { stop: 'host-incapable', detail: why }
  const resultType = x.era === 'modern' ? '"resultType":"complete",' : ''
  const result = Buffer.from(`{${resultType}"content":[{"type":"text","text":${JSON.stringify(why)}}],"isError":true}`)
  return { answer: { kind: 'result', result, outcome: 'error' } }
}

/** An upstream's JSON-RPC error, in the host's era; faults of the hop between gateway and upstream never reach the host as such. */
export function errorAnswer(
  x: Ready,
  answer: UpstreamAnswer & { kind: 'error' },
  { upstreamEra, scrub }: { readonly upstreamEra: Era; readonly scrub: Scrub },
): Answered | Stop {
  const { alias } = x.route.entry
  if (answer.code === CODE.capabilityMissing && upstreamEra === 'modern') return capabilityMissing(x, answer)
  if (answer.code === CODE.headerMismatch || answer.code === CODE.versionUnsupported)
    return { stop: 'upstream-invalid', detail: `\`${alias}\` refused the gateway's request headers or version (${answer.code})` }
  const error = translateError(answer.error, upstreamEra, x.era)
  return { answer: { kind: 'error', error: scrubbedError(error.bytes, scrub), code: error.code } }
}

/** Longest `requiredCapabilities` that a host is told. */
const MAX_REQUIRED_BYTES = 4096

const CAPABILITY = /^[A-Za-z][A-Za-z0-9._/-]{0,63}$/
const MAX_CAPABILITY_DEPTH = 4
/** The names of capabilities alone: this passes without inspection, and no sentence is made of such names. */
function namesIn(value: unknown, depth = 0): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === MAX_CAPABILITY_DEPTH) return {}
  const named = Object.entries(value).filter(([key]) => CAPABILITY.test(key))
  return Object.fromEntries(named.map(([key, inner]) => [key, typeof inner === 'boolean' ? inner : namesIn(inner, depth + 1)]))
}

/** R72: -32021 is about the gateway's hop; the host is told what it would have to declare, unless the policy is what withholds it. */
function capabilityMissing(x: Ready, answer: UpstreamAnswer & { kind: 'error' }): Answered | Stop {
  const data = member(answer.error.node, 'data')
  const required = data && member(data, 'requiredCapabilities')
  const isUsable = required?.kind === 'object' && required.end - required.start <= MAX_REQUIRED_BYTES
  const value = isUsable ? namesIn(valueOf(answer.error.doc, required)) : {}
  if (x.era === 'legacy')
    return failedInput(x, `the server requires client capabilities this client did not declare: ${Object.keys(value).join(', ')}`)
  return { stop: 'capability-missing', detail: 'the server needs more than this client declared', data: { requiredCapabilities: value } }
}
