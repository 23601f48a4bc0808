// Standing streams: the legacy GET stream (with resume), legacy resource subscriptions, and subscriptions/listen (R49-R50, R79-R83).

import type { ReplayStream } from '../../bridge/replay.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { member, textOf, type JsonDoc, type JsonNode } from '../../mcp/json.ts'
import { META } from '../../mcp/revisions.ts'
import type { GatewayDeps, ListenFilter } from '../deps.ts'
import type { Answered, Authenticated, Classified, EventStream, Joined, Received, Stage } from '../path.ts'
import type { Permitted } from './evaluate-policy.ts'
import type { Routed } from './resolve-route.ts'

type Known = Received & Classified & Authenticated & Joined

/** GET: resumes the stream a Last-Event-ID names, else opens the session's standalone stream. */
export const openStreamStage = (deps: Pick<GatewayDeps, 'feeds' | 'streamLimit'>): Stage<Known, Answered> => ({
  name: 'open-stream',
  run: x => {
    const { session } = x
    if (!session) return { stop: 'http-method-refused' }
    const limit = deps.streamLimit(x.principal)
    if (limit) return limit
    const resumed = x.headers.lastEventId === undefined ? undefined : session.streams.find(x.headers.lastEventId)
    const open = (stream: EventStream): void => {
      // It may have ended while this was recorded; feeds opened now would never be closed.
      if (session.isClosed) return stream.end()
      if (resumed && resumed.stream !== session.standalone) return attach(resumed.stream, stream, resumed.after)
      session.standalone ??= session.streams.open()
      attach(session.standalone, stream, resumed?.after ?? Number.MAX_SAFE_INTEGER)
      deps.feeds.open(x)
    }
    return { answer: { kind: 'stream', owner: { principal: x.principal, sessionId: session.id }, open } }
  },
})

function attach(replay: ReplayStream, stream: EventStream, after: number): void {
  const sink = { send: (id: string, message: Buffer) => stream.send(message, id), end: () => stream.end() }
  replay.attach(sink, after)
  stream.onClose(() => replay.detach(sink))
}

/** resources/subscribe and resources/unsubscribe of a legacy session. */
export const subscribeStage = (deps: Pick<GatewayDeps, 'feeds'>, isOn: boolean): Stage<Known & Routed & Permitted, Answered> => ({
  name: isOn ? 'subscribe-resource' : 'unsubscribe-resource',
  effect: true,
  run: x => {
    const uri = member(x.params, 'uri')
    if (!x.session || !x.doc || uri?.kind !== 'string') return { stop: 'params-invalid', detail: 'expected a string in `params.uri`' }
    if (x.session.isClosed) return { stop: 'session-unknown', fix: 'POST `initialize` again' }
    const subscribed = (x.session.subscriptions ??= new Set())
    const exposed = textOf(x.doc, uri)
    if (isOn && !subscribed.has(exposed) && subscribed.size >= MAX_SUBSCRIPTIONS)
      return { stop: 'subscription-limit', detail: `a session subscribes to at most ${MAX_SUBSCRIPTIONS} resources` }
    if (isOn) subscribed.add(exposed)
    else subscribed.delete(exposed)
    deps.feeds.subscribe(x, x.route.entry)
    return { answer: { kind: 'result', result: Buffer.from('{}'), outcome: 'ok' } }
  },
})

const MAX_SUBSCRIPTIONS = 1000

/** subscriptions/listen: acknowledged first with what is honoured; every message carries the listen id verbatim (R79). */
export const listenStage = (deps: Pick<GatewayDeps, 'feeds' | 'streamLimit'>): Stage<Known, Answered> => ({
  name: 'listen',
  run: x => {
    const limit = deps.streamLimit(x.principal)
    if (limit) return limit
    const filter = x.doc && readFilter(x.doc, member(x.params, 'notifications'))
    if (!filter) return { stop: 'params-invalid', detail: 'expected an object in `params.notifications`' }
    if (isStop(filter)) return filter
    const listening = deps.feeds.listen(x, filter)
    const id = x.message?.kind === 'request' ? x.message.id : 'null'
    const stamp = `"_meta":{"${META.subscriptionId}":${id}}`
    const open = (stream: EventStream): void => {
      stream.send(
        Buffer.from(
          `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":${listening.honoured},${stamp}}}`,
        ),
      )
      const end = (): void => stream.end(Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete",${stamp}}}`))
      stream.onClose(listening.feed(message => stream.send(message), end))
    }
    return { answer: { kind: 'stream', owner: { principal: x.principal }, open } }
  },
})

function readFilter(doc: JsonDoc, node: JsonNode | undefined): ListenFilter | Stop | undefined {
  if (node?.kind !== 'object') return undefined
  const strings = (key: string): string[] | undefined => {
    const list = member(node, key)
    if (list === undefined) return []
    const parsed: unknown = list.kind === 'array' ? JSON.parse(doc.bytes.toString('utf8', list.start, list.end)) : undefined
    return Array.isArray(parsed) && parsed.every(s => typeof s === 'string') ? parsed : undefined
  }
  const resourceSubscriptions = strings('resourceSubscriptions')
  const taskIds = strings('taskIds')
  if (!resourceSubscriptions || !taskIds) return { stop: 'params-invalid', detail: 'expected arrays of strings in `params.notifications`' }
  if (resourceSubscriptions.length + taskIds.length > MAX_SUBSCRIPTIONS)
    return { stop: 'subscription-limit', detail: `at most ${MAX_SUBSCRIPTIONS} names in one filter` }
  const isOn = (key: string): boolean => member(node, key)?.kind === 'true'
  return {
    toolsListChanged: isOn('toolsListChanged'),
    promptsListChanged: isOn('promptsListChanged'),
    resourcesListChanged: isOn('resourcesListChanged'),
    resourceSubscriptions: [...new Set(resourceSubscriptions)],
    taskIds: [...new Set(taskIds)],
  }
}
