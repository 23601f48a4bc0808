// The stream of revocations on the wire: for strangers where the registry is open to them, by an act of administration elsewhere.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { readHeaders } from '../edge.ts'
import type { AdminAct, AdminAnswer } from './admin.ts'
import { OFTEN, plain, refusal } from './registry-answers.ts'

export type Exchange = { readonly req: IncomingMessage; readonly res: ServerResponse }
type Opening = (exchange: Exchange) => void
/** `open`: a stream instead of a body */
export type Answer = AdminAnswer & { readonly open?: Opening }

export type FollowDeps = {
  /** whether there is such a view, and whether it may be read without a token; undefined = there is none */
  readonly accessOf: (view: string) => 'anybody' | 'signed-in' | undefined
  /** walks one act of administration; never rejects */
  readonly run: (act: AdminAct) => Promise<AdminAnswer>
  /** whether a stranger at this address may ask once more; `cost`: of how many plain reads it has the price */
  readonly mayAsk: (address: string, cost: number) => Promise<boolean>
  /** opens a stream of revocations for a stranger at this address, from behind the last one that is known; or why not */
  readonly follow: (address: string, since: string | undefined) => Opening | Stop
  /** opens the stream of an act's answer */
  readonly openStream: (exchange: Exchange, stream: NonNullable<AdminAnswer['stream']>) => void
}

/** The stream of revocations: `since` of its query. */
export function followed(target: string): { readonly after: string | undefined } | undefined {
  const [path = '', query] = target.split(/\?(.*)/s, 2)
  return path === '/v1/revocations/stream' ? { after: new URLSearchParams(query).get('since') ?? undefined } : undefined
}
export const lastEventId = (req: IncomingMessage): string | undefined => {
  const value = req.headers['last-event-id']
  return typeof value === 'string' && value !== '' ? value : undefined
}

type Following = { readonly address: string; readonly since: string | undefined; readonly after: string | undefined }
/** A stream instead of a body; its places are counted where it is opened. */
export async function follow(deps: FollowDeps, req: IncomingMessage, { address, since, after }: Following): Promise<Answer> {
  const opened = { status: 200, body: Buffer.alloc(0), headers: {} }
  if (deps.accessOf('') === 'anybody') {
    if (!(await deps.mayAsk(address, 1))) return OFTEN
    const open = deps.follow(address, since)
    return 'stop' in open ? refusal(open) : { ...opened, open }
  }
  const headers = readHeaders(req.rawHeaders)
  if (isStop(headers)) return refusal(headers)
  const body = Buffer.from(JSON.stringify({ ...(after && { since: after }) }))
  const { stream, ...answered } = plain(await deps.run({ method: 'admin/registry/follow', body, headers, address }))
  return stream ? { ...answered, open: exchange => deps.openStream(exchange, stream) } : answered
}
