// Standing streams: the legacy GET stream (with resume), legacy resource subscriptions, and subscriptions/listen (R49-R50, R79-R83).

import type { ReplayStream } from '../../bridge/replay.ts'
import { member, textOf } from '../../mcp/json.ts'
import { META } from '../../mcp/revisions.ts'
import type { GatewayDeps } from '../deps.ts'
import { MAX_SUBSCRIPTIONS, MAX_URI } from '../listen-filter.ts'
import type { Answered, Authenticated, Classified, EventStream, Joined, Permitted, Received, Stage } from '../path.ts'
import type { Scoped } from './check-scopes.ts'
import type { Routed } from './resolve-route.ts'
import type { Spent } from './spend-approval.ts'
import type { FilterVerified } from './verify-filter.ts'

type Known = Received & Classified & Authenticated & Joined

/** GET: resumes the stream a Last-Event-ID names, else opens the session's standalone stream. */
export const openStreamStage = (deps: Pick<GatewayDeps, 'feeds' | 'streamLimit' | 'marking'>): Stage<Known, Answered> => ({
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
    const answered: Answered = {
      answer: { kind: 'stream', owner: { principal: x.principal, endpoint: x.endpoint, sessionId: session.id }, open },
    }
    // What was kept for it was marked when it came, perhaps long ago.
    return resumed ? deps.marking.again(session, x).then(stop => stop ?? answered) : answered
  },
})

function attach(replay: ReplayStream, stream: EventStream, after: number): void {
  const sink = { send: (id: string, message: Buffer) => stream.send(message, id), end: () => stream.end() }
  replay.attach(sink, after)
  stream.onClose(() => replay.detach(sink))
}

/** resources/subscribe and resources/unsubscribe of a legacy session. */
export const subscribeStage = (
  deps: Pick<GatewayDeps, 'feeds'>,
  isOn: boolean,
): Stage<Known & Routed & Permitted & Scoped & Spent, Answered> => ({
  name: isOn ? 'subscribe-resource' : 'unsubscribe-resource',
  effect: true,
  run: x => {
    const uri = member(x.params, 'uri')
    if (!x.session || !x.doc || uri?.kind !== 'string') return { stop: 'params-invalid', detail: 'expected a string in `params.uri`' }
    if (x.session.isClosed) return { stop: 'session-unknown', fix: 'POST `initialize` again' }
    const subscribed = (x.session.subscriptions ??= new Set())
    const exposed = textOf(x.doc, uri)
    if (exposed.length > MAX_URI) return { stop: 'params-invalid', detail: `expected at most ${MAX_URI} characters in \`params.uri\`` }
    if (isOn && !subscribed.has(exposed) && subscribed.size >= MAX_SUBSCRIPTIONS)
      return { stop: 'subscription-limit', detail: `a session subscribes to at most ${MAX_SUBSCRIPTIONS} resources` }
    if (isOn) subscribed.add(exposed)
    else subscribed.delete(exposed)
    deps.feeds.subscribe(x, x.route.entry)
    return { answer: { kind: 'result', result: Buffer.from('{}'), outcome: 'ok' } }
  },
})

/** subscriptions/listen: acknowledged first with what is honoured; every message carries the listen id verbatim (R79). */
export const listenStage = (deps: Pick<GatewayDeps, 'feeds' | 'streamLimit'>): Stage<Known & FilterVerified, Answered> => ({
  name: 'listen',
  run: x => {
    const limit = deps.streamLimit(x.principal)
    if (limit) return limit
    const listening = deps.feeds.listen(x, x.filter)
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
    return { answer: { kind: 'stream', owner: { principal: x.principal, endpoint: x.endpoint }, open } }
  },
})
