// Arguments that fit rules and schema; then bytes for the upstream, from the bytes judged: params without this hop's members, Mcp-Param headers, opened request state.

import { outgoingMeta, outgoingParams, progressTokenOf } from '../../bridge/outgoing.ts'
import type { StateFields } from '../../bridge/request-state.ts'
import type { RawObject, Slice } from '../../bridge/upstream.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { member } from '../../mcp/json.ts'
import { checkParamHeaders, paramHeadersOf } from '../../mcp/param-headers.ts'
import { ArgumentChecks } from '../argument-checks.ts'
import type { GatewayDeps } from '../deps.ts'
import type { CallerFace } from '../entry.ts'
import { checkArguments } from '../inspect-arguments.ts'
import { findingsText } from '../inspected.ts'
import type { Authenticated, Classified, Joined, Received, Stage } from '../path.ts'
import { readRound, type RoundInput } from '../round-input.ts'
import type { Needing } from '../approved-verdict.ts'
import type { Scoped } from './check-scopes.ts'
import type { Routed } from './resolve-route.ts'

export type Prepared = {
  readonly prepared: {
    readonly face: CallerFace
    readonly params?: RawObject
    readonly meta?: Buffer
    readonly headerParams: readonly (readonly [string, string])[]
    readonly progressToken?: string
    /** a retry of an earlier round: what its sealed state said, and the answers as sent */
    readonly state?: StateFields
    readonly inputResponses?: Slice
    /** what inspection found in the arguments, for the record: canonical JSON text */
    readonly findings?: string
  }
}
type Need = Received & Classified & Authenticated & Joined & Routed & Scoped & Needing
type Deps = Pick<GatewayDeps, 'catalogue' | 'callers' | 'sealer' | 'now' | 'inspect'>

export function prepareArgumentsStage(deps: Deps): Stage<Need, Prepared> {
  const checks = new ArgumentChecks(deps.catalogue)
  return {
    name: 'prepare-arguments',
    run: x => {
      const shape = checkShape(x)
      if (shape) return shape
      const refused = checks.check(x)
      if (refused instanceof Promise) return refused.then(stop => stop ?? prepare(x, deps))
      return refused ?? prepare(x, deps)
    },
  }
}

function prepare(x: Need, deps: Deps): Prepared | Stop | Promise<Prepared | Stop> {
  const face = deps.callers.of(x, x.route.entry, x.route.entitlement)
  const state = readRound(x, deps)
  if (state && 'stop' in state) return state
  const inspected = checkArguments(deps.inspect, x, x.route.entry)
  if (isStop(inspected)) return inspected
  const findings = findingsText(inspected)
  const assembled = (headerParams: HeaderParams): Prepared =>
    assemble(x, face, { ...state, ...(findings !== undefined && { findings }) }, headerParams)
  if (x.route.kind !== 'tool' || x.method !== 'tools/call') return assembled([])
  const declared = deps.catalogue.toolHeaders(x, x.route.entry, x.route.name)
  const next = (found: Awaited<typeof declared>): Prepared | Stop => {
    if (found === 'excluded') return { stop: 'unknown' }
    const isKnown = found !== undefined && !isStop(found)
    // Nothing goes upstream before the person has connected; what cannot be checked now is left out, not refused.
    if (!isKnown && found?.stop === 'connection-required') return assembled(NO_HEADERS)
    if (!isKnown && x.era === 'modern' && x.headers.params.length > 0) return unchecked(found)
    const declarations = isKnown ? found.headers : []
    const args = member(x.params, 'arguments')
    const slice = args && x.doc && { doc: x.doc, node: args }
    if (x.era === 'modern' && declarations.length > 0) {
      const fault = checkParamHeaders(declarations, slice, x.headers.params)
      if (fault !== undefined) return { stop: 'header-mismatch', detail: fault }
    }
    const others = unrecognised(x, declarations)
    if (x.needs && others.length > 0) return UNSHOWN
    return assembled([...paramHeadersOf(declarations, slice), ...others])
  }
  return declared instanceof Promise ? declared.then(next) : next(declared)
}

/** What cannot be held against the arguments does not travel: the upstream might read the header where the policy read the body. */
const unchecked = (why: Stop | undefined): Stop => ({
  ...(why ?? { stop: 'header-mismatch' }),
  detail: `Mcp-Param headers cannot be checked: ${why ? (why.detail ?? why.stop) : 'the list of tools does not name this one'}`,
  fix: why ? 'retry once the server lists its tools' : 'list the tools again, or send no Mcp-Param headers',
})

/** People approve arguments; nobody would see what else the server is told. */
const UNSHOWN: Stop = {
  stop: 'header-mismatch',
  detail: 'a call that people approve takes no Mcp-Param header that its tool does not declare',
  fix: 'leave it out',
}

const VISIBLE = /^[\x20-\x7e]*$/

type HeaderParams = readonly (readonly [string, string])[]
const NO_HEADERS: HeaderParams = []
/** R12: Mcp-Param headers that no declaration names travel on as they came; a 2025 host has none. */
const unrecognised = (x: Need, declarations: readonly { readonly name: string }[]): readonly (readonly [string, string])[] =>
  x.era === 'legacy' || x.headers.params.length === 0
    ? NO_HEADERS
    : x.headers.params.filter(([name, value]) => VISIBLE.test(value) && !declarations.some(d => d.name.toLowerCase() === name))

/** N092: where params and their parts have to be objects. */
function checkShape(x: Need): Stop | undefined {
  const args = member(x.params, 'arguments')
  if (args !== undefined && args.kind !== 'object') return { stop: 'params-invalid', detail: 'expected an object in `params.arguments`' }
  if (x.params && member(x.params, '_meta') !== undefined && x.meta?.kind !== 'object')
    return { stop: 'params-invalid', detail: 'expected an object in `params._meta`' }
  return undefined
}

/** Nobody would see what else the host says there, nor what it says by the time the call is let through. The token becomes one of the gateway's own on the way. */
const shownMeta = (progressToken: string | undefined): Buffer | undefined =>
  progressToken === undefined ? undefined : Buffer.from(`{"progressToken":${progressToken}}`)

type More = RoundInput & Pick<Prepared['prepared'], 'findings'>

function assemble(x: Need, face: CallerFace, more: More, headerParams: HeaderParams): Prepared {
  const params = x.doc && outgoingParams(x.doc, x.params, x.route.renamed)
  const progressToken = x.doc && progressTokenOf(x.doc, x.meta)
  const meta = x.needs ? shownMeta(progressToken) : x.doc && outgoingMeta(x.doc, x.meta)
  return {
    prepared: {
      face,
      headerParams,
      ...(params && { params }),
      ...(meta && { meta }),
      ...(progressToken !== undefined && { progressToken }),
      ...more,
    },
  }
}
