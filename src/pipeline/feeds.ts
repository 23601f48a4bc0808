// Changes of upstreams on their way to hosts' standing streams: filtered by what the principal may use, renamed, stamped (R79-R83).

import { openTaskId } from '../bridge/task-id.ts'
import type { ListKind, SubscriptionFilter, UpstreamChanges, UpstreamSubscription } from '../bridge/upstream.ts'
import { member, rawOf, type JsonDoc } from '../mcp/json.ts'
import { META } from '../mcp/revisions.ts'
import { setMember } from '../mcp/splice.ts'
import type { Feeds, GatewayDeps, ListenFilter, Listening } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Authenticated, Classified, Joined, Received } from './path.ts'
import { exposeTask } from './task-names.ts'

type Asking = Received & Classified & Authenticated & Joined
type Deps = Pick<GatewayDeps, 'upstreams' | 'entitlement' | 'callers' | 'catalogue' | 'sealer'>

const ALL_LISTS = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true } as const
const LIST_METHODS: Readonly<Record<ListKind, string>> = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
}
const FILTER_KEYS: Readonly<Record<ListKind, 'toolsListChanged' | 'promptsListChanged' | 'resourcesListChanged'>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
}

/** A notification without params, or with params bytes. */
const notification = (method: string, params?: string): Buffer =>
  Buffer.from(`{"jsonrpc":"2.0","method":"${method}"${params === undefined ? '' : `,"params":${params}`}}`)

export function createFeeds(deps: Deps): Feeds {
  /** Upstreams of the endpoint that exist for this principal. */
  const reachable = (x: Asking): UpstreamEntry[] =>
    x.endpoint.aliases.flatMap(alias => {
      const entry = deps.upstreams().get(alias)
      return entry && !deps.entitlement(x.principal, entry).isEmpty ? [entry] : []
    })
  const callerOf = (x: Asking, entry: UpstreamEntry) => deps.callers.of(x, entry, deps.entitlement(x.principal, entry)).caller
  /** Judged again at delivery: an entitlement may have gone since the subscription was made (R82). */
  const mayRead = (x: Asking, entry: UpstreamEntry, uri: string): boolean =>
    deps.entitlement(x.principal, entry).permits('resource', uri) !== undefined

  function legacyChanges(x: Asking, entry: UpstreamEntry): UpstreamChanges {
    const send = (message: Buffer): void => void x.session?.standalone?.send(message)
    return {
      listChanged(kind) {
        deps.catalogue.forget(entry.alias)
        send(notification(LIST_METHODS[kind]))
      },
      resourceUpdated(uri, message) {
        const exposed = deps.catalogue.expose(x.endpoint, entry.alias, 'resource', uri)
        if (!x.session?.subscriptions?.has(exposed) || !mayRead(x, entry, uri)) return
        send(notification('notifications/resources/updated', paramsWith(message, exposed)))
      },
      other() {},
      interrupted: () => deps.catalogue.forget(entry.alias),
      ended() {},
    }
  }

  function feedOf(x: Asking, entry: UpstreamEntry): UpstreamSubscription | undefined {
    const feeds = x.session && (x.session.feeds ??= new Map())
    return feeds?.get(entry.alias)
  }
  function setFeed(x: Asking, entry: UpstreamEntry, uris: readonly string[]): void {
    if (!x.session) return
    const filter: SubscriptionFilter = { ...ALL_LISTS, ...(uris.length > 0 && { resourceSubscriptions: uris }) }
    const open = feedOf(x, entry)
    if (open) open.update(filter)
    else x.session.feeds?.set(entry.alias, entry.upstream.subscribe(callerOf(x, entry), filter, legacyChanges(x, entry)))
  }
  /** The session's subscribed URIs of one upstream, in its own names. */
  const urisOf = (x: Asking, entry: UpstreamEntry): string[] =>
    [...(x.session?.subscriptions ?? [])].flatMap(exposed => {
      const found = deps.catalogue.ownUri(x.endpoint, exposed)
      return found?.alias === entry.alias ? [found.uri] : []
    })

  function listen(x: Asking, asked: ListenFilter): Listening {
    const entries = reachable(x)
    const wanted = entries.map(entry => ({ entry, filter: filterFor(x, entry, asked) }))
    const honoured = {
      ...(asked.toolsListChanged && { toolsListChanged: true }),
      ...(asked.promptsListChanged && { promptsListChanged: true }),
      ...(asked.resourcesListChanged && { resourcesListChanged: true }),
      ...list(
        'resourceSubscriptions',
        asked.resourceSubscriptions.filter(exposed => {
          const found = deps.catalogue.ownUri(x.endpoint, exposed)
          return wanted.some(w => w.entry.alias === found?.alias && w.filter.resourceSubscriptions?.includes(found.uri))
        }),
      ),
      ...list(
        'taskIds',
        asked.taskIds.filter(id => entries.some(entry => taskOf(x, id)?.alias === entry.alias)),
      ),
    }
    return {
      honoured: JSON.stringify(honoured),
      feed(send, end) {
        let left = wanted.length
        const ended = (): void => {
          left -= 1
          if (left === 0) end()
        }
        const open = wanted.map(({ entry, filter }) =>
          entry.upstream.subscribe(callerOf(x, entry), filter, modernChanges(x, entry, { asked, send, ended })),
        )
        return () => {
          for (const subscription of open) subscription.close()
        }
      },
    }
  }

  function filterFor(x: Asking, entry: UpstreamEntry, asked: ListenFilter): SubscriptionFilter {
    const uris = asked.resourceSubscriptions.flatMap(exposed => {
      const found = deps.catalogue.ownUri(x.endpoint, exposed)
      return found?.alias === entry.alias && mayRead(x, entry, found.uri) ? [found.uri] : []
    })
    const taskIds = asked.taskIds.flatMap(id => {
      const task = taskOf(x, id)
      return task?.alias === entry.alias ? [task.taskId] : []
    })
    const { toolsListChanged, promptsListChanged, resourcesListChanged } = asked
    return {
      toolsListChanged,
      promptsListChanged,
      resourcesListChanged,
      ...list('resourceSubscriptions', uris),
      ...list('taskIds', taskIds),
    }
  }
  const taskOf = (x: Asking, id: string) => openTaskId(deps.sealer, id, { principal: x.principal.key, endpoint: x.endpoint.resource })

  type Target = { readonly asked: ListenFilter; readonly send: (message: Buffer) => boolean; readonly ended: () => void }
  function modernChanges(x: Asking, entry: UpstreamEntry, { asked, send, ended }: Target): UpstreamChanges {
    const id = x.message?.kind === 'request' ? x.message.id : 'null'
    const stamp = `{"${META.subscriptionId}":${id}}`
    return {
      listChanged(kind) {
        deps.catalogue.forget(entry.alias)
        if (asked[FILTER_KEYS[kind]]) send(notification(LIST_METHODS[kind], `{"_meta":${stamp}}`))
      },
      resourceUpdated(uri, message) {
        const exposed = deps.catalogue.expose(x.endpoint, entry.alias, 'resource', uri)
        // R80: nothing that was not asked for.
        if (!asked.resourceSubscriptions.includes(exposed) || !mayRead(x, entry, uri)) return
        send(notification('notifications/resources/updated', stamped(Buffer.from(paramsWith(message, exposed)), id)))
      },
      other(method, message) {
        const params = member(message.root, 'params')
        if (method !== 'notifications/tasks' || params?.kind !== 'object') return
        // R90: a task's questions are gated where they are answered for, in tasks/get; a notification carries none of them.
        const bytes =
          member(params, 'inputRequests') === undefined ? exposeTask(deps.sealer, x, entry.alias, rawOf(message, params)) : undefined
        if (bytes) send(notification(method, stamped(bytes, id)))
      },
      interrupted: () => deps.catalogue.forget(entry.alias),
      ended,
    }
  }

  return {
    open(x) {
      for (const entry of reachable(x)) setFeed(x, entry, urisOf(x, entry))
    },
    subscribe(x, entry) {
      setFeed(x, entry, urisOf(x, entry))
    },
    listen: (x, filter) => Promise.resolve(listen(x, filter)),
  }
}

const list = (key: string, values: readonly string[]): Record<string, readonly string[]> => (values.length > 0 ? { [key]: values } : {})

/** params of a notification with the URI as the host knows it. */
function paramsWith(message: JsonDoc, uri: string): string {
  const params = member(message.root, 'params')
  const bytes = params?.kind === 'object' ? rawOf(message, params) : Buffer.from('{}')
  return setMember(bytes, 'uri', JSON.stringify(uri)).toString()
}

/** R79: every message of a listen carries its id verbatim; other `_meta` members stay. */
function stamped(params: Buffer, rawId: string): string {
  return setMember(params, '_meta', `{"${META.subscriptionId}":${rawId}}`).toString()
}
