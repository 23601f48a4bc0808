// What the pipeline asks of the catalog room: names, lists and rewriting for one principal on one endpoint.

import type { Digest } from '../admission/primitive.ts'
import type { Stop } from '../kernel/errors.ts'
import type { ParamHeader } from '../mcp/param-headers.ts'
import type { Primitive } from '../policy/allow-list.ts'
import type { Authenticated, Classified, Endpoint, Joined, Received } from './path.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Defined } from './judge-entities.ts'

export type ListMethod = 'tools/list' | 'prompts/list' | 'resources/list' | 'resources/templates/list'
export type NameKind = 'tool' | 'prompt' | 'resource'
type Asking = Received & Classified & Authenticated & Joined

/** One tool as the admitted list has it: which arguments travel in Mcp-Param headers. */
type ToolHeaders = { readonly headers: readonly ParamHeader[] }

export type DeclaredHeaders = ToolHeaders | 'excluded' | Stop | undefined

/** What a request means, in the upstream's own name. */
export type Asked = { readonly kind: Primitive | 'task'; readonly name: string }
/** By what it was found to be admitted; `definition`: digest of what was asked for, where a reviewer admitted it. */
export type Verified = { readonly by: Digest | 'configuration'; readonly definition?: string }

export interface Catalogue {
  /** exposed name -> upstream and own name; undefined = no such name on this endpoint */
  resolve(x: Asking, kind: NameKind, exposed: string): Promise<Resolved | undefined> | Resolved | undefined
  /** own name -> the name this endpoint exposes */
  expose(endpoint: Endpoint, alias: string, kind: NameKind, name: string): string
  /** exposed URI -> upstream and own URI, by the name alone */
  ownUri(endpoint: Endpoint, exposed: string): { readonly alias: string; readonly uri: string } | undefined
  /** x-mcp-header declarations of a tool; undefined = not in the list, `excluded` = invalid (R26), a stop = why there is no list */
  toolHeaders(x: Asking, entry: UpstreamEntry, tool: string): Promise<DeclaredHeaders> | DeclaredHeaders
  /** whether legacy hosts were told this tool's output wrapped as `{result: ...}` because its schema is no object schema */
  isOutputWrapped(x: Asking, entry: UpstreamEntry, tool: string): Promise<boolean>
  /** holds what is asked for, as its upstream lists it now for this caller, against what was admitted; a stop where it is held, or cannot be compared */
  verify(x: Asking, entry: UpstreamEntry, asked: Asked): Promise<Verified | Stop> | Verified | Stop
  /** a tool or prompt as the caller's list has it now, without what is held; undefined = it is not listed */
  definition(
    x: Asking,
    entry: UpstreamEntry,
    kind: 'tool' | 'prompt',
    name: string,
  ): Promise<Defined | Stop | undefined> | Defined | Stop | undefined
  /** why nothing of this upstream passes now, whatever is asked */
  standing(entry: UpstreamEntry): Stop | undefined
  /** why this upstream is not even started or connected to now */
  held(entry: UpstreamEntry): Stop | undefined
  /** whether a resource is held at this endpoint, or nobody knows yet */
  isHeldNow(endpoint: Endpoint, alias: string, uri: string): boolean
  /** calls back when a reviewer's decision or a collision changed what the upstream's lists show, until the function it answers is called */
  onDecision(alias: string, listener: () => void): () => void
  /** what the upstream says about itself, as far as it was admitted */
  instructions(entry: UpstreamEntry, text: string | undefined): Promise<string | undefined | Stop>
  /** what it says it can do, without prose that nobody reviewed, or that hides something */
  capabilities(entry: UpstreamEntry, capabilities: object): object
  /** forgets a cached list: the upstream announced a change, or refused headers made from it (R27) */
  forget(alias: string): void
  /** the result of a list method, ready to send */
  list(x: Asking, method: ListMethod, cursor: string | undefined): Promise<Buffer | Stop>
  /** renames inside a result of this upstream (R57); returns the same bytes where nothing has to change */
  rewriteResult(endpoint: Endpoint, alias: string, method: string, result: Buffer): Buffer
}
export type Resolved = { readonly entry: UpstreamEntry; readonly name: string }
