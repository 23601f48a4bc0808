// Which arguments of which tools travel as Mcp-Param headers too: learnt from the tool lists that pass by (SEP-2243, R25).

import { isJsonFault, member, rawOf, readJson, textOf } from '../mcp/json.ts'
import type { RequestMessage, ResponseMessage } from '../mcp/message.ts'
import { paramHeadersOf, scanParamHeaders, type ParamHeader } from '../mcp/param-headers.ts'
import { RELAYED } from './exchange.ts'

const TOOLS_MAX = 10_000

export class ToolHeaders {
  readonly #tools = new Map<string, readonly ParamHeader[]>()

  /** Reads the answer to a tools/list. A tool whose schema cannot be read has no headers here; the gateway leaves it out of its lists. */
  learn({ doc, result }: ResponseMessage): void {
    const own = result && readJson(rawOf(doc, result), RELAYED)
    if (!own || isJsonFault(own)) return
    for (const tool of member(own.root, 'tools')?.items ?? []) {
      const name = member(tool, 'name')
      const schema = member(tool, 'inputSchema')
      if (name?.kind !== 'string') continue
      const raw = schema && rawOf(own, schema)
      const scan = raw?.includes('x-mcp-header') ? scanParamHeaders(raw) : undefined
      const key = textOf(own, name)
      if (!scan || 'fault' in scan || scan.headers.length === 0) this.#tools.delete(key)
      else if (this.#tools.size < TOOLS_MAX) this.#tools.set(key, scan.headers)
    }
  }

  /** Headers beside a tools/call. */
  of({ doc, method, params }: RequestMessage): Readonly<Record<string, string>> {
    const name = method === 'tools/call' ? member(params, 'name') : undefined
    const declared = name?.kind === 'string' ? this.#tools.get(textOf(doc, name)) : undefined
    if (!declared) return {}
    const args = member(params, 'arguments')
    return Object.fromEntries(paramHeadersOf(declared, args && { doc, node: args }).map(([key, value]) => [`mcp-param-${key}`, value]))
  }
}
