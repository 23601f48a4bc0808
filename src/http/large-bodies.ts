// Who may make the gateway hold a large body: callers with a valid token, within a bound for each and for all. Small bodies need no token to be read.

import type { ServerResponse } from 'node:http'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { McpHeaders } from '../mcp/era.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'

type Verdict = Principal | Stop

export type LargeBodiesDeps = {
  /** as the stage does it, later and once more: this decides about memory, that about the request */
  readonly authenticate: (
    authorization: string | undefined,
    resource: string,
    possession?: { readonly proof: McpHeaders['proof']; readonly method: string },
  ) => Verdict | Promise<Verdict>
  /** bytes of large bodies held at once in all; one principal has at most a quarter of it, and always one body of `bodyBytes` */
  readonly limits: () => { readonly bodyBytes: number; readonly bodyTotalBytes: number }
}

type Asked = {
  readonly authorization: string | undefined
  readonly proof?: McpHeaders['proof']
  readonly resource: string
  /** what will be held at most */
  readonly bytes: number
  /** where something else than a token for `resource` says who it is */
  readonly known?: Verdict | undefined
  /** why this principal may send none of this size */
  readonly whyNot?: (principal: Principal) => Stop | undefined
  /** held until its connection has the answer, or is gone */
  readonly res: ServerResponse
}

const SHARE = 4

export class LargeBodies {
  readonly #deps: LargeBodiesDeps
  readonly #perPrincipal = new Map<PrincipalKey, number>()
  #held = 0

  constructor(deps: LargeBodiesDeps) {
    this.#deps = deps
  }

  /** bytes promised to bodies that are being read or answered */
  get held(): number {
    return this.#held
  }

  /** `undefined`: it may be read, and its bytes are kept for it. */
  admit(asked: Asked): Stop | undefined | Promise<Stop | undefined> {
    const verdict =
      asked.known ?? this.#deps.authenticate(asked.authorization, asked.resource, asked.proof && { proof: asked.proof, method: 'POST' })
    return verdict instanceof Promise ? verdict.then(found => this.#hold(found, asked)) : this.#hold(verdict, asked)
  }

  #hold(verdict: Verdict, { bytes, res, whyNot }: Asked): Stop | undefined {
    if (isStop(verdict)) return verdict
    const refused = whyNot?.(verdict)
    if (refused) return refused
    if (res.closed || res.destroyed) return CROWDED
    const { key } = verdict
    const { bodyBytes, bodyTotalBytes } = this.#deps.limits()
    const own = this.#perPrincipal.get(key) ?? 0
    if (own + bytes > Math.max(bodyTotalBytes / SHARE, bodyBytes)) return OWN_SHARE
    if (this.#held + bytes > bodyTotalBytes) return CROWDED
    this.#held += bytes
    this.#perPrincipal.set(key, own + bytes)
    res.once('close', () => this.#free(key, bytes))
    return undefined
  }

  #free(key: PrincipalKey, bytes: number): void {
    this.#held -= bytes
    const left = (this.#perPrincipal.get(key) ?? bytes) - bytes
    if (left > 0) this.#perPrincipal.set(key, left)
    else this.#perPrincipal.delete(key)
  }
}

const OWN_SHARE: Stop = {
  stop: 'principal-limited',
  detail: 'too many bytes of request bodies at once',
  fix: 'send large requests one after another, or raise limits.bodyTotalSize',
  retryAfterSeconds: 1,
}
const CROWDED: Stop = {
  stop: 'gateway-overloaded',
  detail: 'too many bytes of request bodies at once',
  fix: 'retry; raise limits.bodyTotalSize if memory allows',
  retryAfterSeconds: 1,
}
