// Changes for a legacy session: on its standalone stream, for the lists of its endpoint and the resources it subscribed to (R49, R82).

import { holdsQuestions } from '../bridge/translate-params.ts'
import type { SubscriptionFilter, UpstreamChanges, UpstreamSubscription } from '../bridge/upstream.ts'
import type { LegacySession } from '../bridge/legacy-session.ts'
import type { UpstreamEntry } from './entry.ts'
import { fedNotification } from './fed-notification.ts'
import { LIST_CHANGED, notification, updatedParams } from './feed-messages.ts'
import { mayHear, maySpeak, ownUris, reachable, subscribeFor, tell, type FeedDeps, type Listener } from './feed-sources.ts'

const ALL_LISTS = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true } as const

/** `who` asks; `hears` says by whose token what flows is judged, at each delivery. */
type SessionFeed = { readonly who: Listener; readonly session: LegacySession; readonly hears: () => Listener }

/** Opens (or keeps) one feed per upstream of the endpoint. */
export function openSessionFeeds(deps: FeedDeps, feed: SessionFeed): void {
  for (const entry of reachable(deps, feed.who)) setSessionFeed(deps, feed, entry)
}

/** Brings one upstream's feed in line with the session's subscriptions. */
export function setSessionFeed(deps: FeedDeps, feed: SessionFeed, entry: UpstreamEntry): void {
  const { who, session } = feed
  const uris = ownUris(deps, who, entry.alias, session.subscriptions ?? [])
  const filter: SubscriptionFilter = { ...ALL_LISTS, ...(uris.length > 0 && { resourceSubscriptions: uris }) }
  const feeds = (session.feeds ??= new Map<string, UpstreamSubscription>())
  const open = feeds.get(entry.alias)
  if (open) return open.update(filter)
  const replaced = (): void => {
    if (feeds.get(entry.alias) === subscription && deps.upstreams().get(entry.alias) !== entry) followReload(deps, feed, entry.alias)
  }
  const subscription: UpstreamSubscription = subscribeFor(deps, { who, entry, filter }, changesFor(deps, feed, entry.alias, replaced))
  feeds.set(entry.alias, subscription)
}

/** A reload took the upstream away: the session hears of what stands in its place now, and that the lists are others. */
function followReload(deps: FeedDeps, feed: SessionFeed, alias: string): void {
  const { session, hears } = feed
  session.feeds?.delete(alias)
  if (session.isClosed) return
  const who = hears()
  const entry = reachable(deps, who).find(e => e.alias === alias)
  if (entry) setSessionFeed(deps, { ...feed, who }, entry)
  for (const kind of ['tools', 'prompts', 'resources'] as const) session.standalone?.send(notification(LIST_CHANGED[kind]))
}

function changesFor(deps: FeedDeps, { session, hears }: SessionFeed, alias: string, ended: () => void): UpstreamChanges {
  const send = (message: Buffer): void => void session.standalone?.send(message)
  return {
    listChanged(kind) {
      deps.catalogue.forget(alias)
      if (mayHear(deps, hears(), alias)) send(notification(LIST_CHANGED[kind]))
    },
    resourceUpdated(uri, message) {
      const exposed = deps.catalogue.expose(hears().endpoint, alias, 'resource', uri)
      if (holdsQuestions(message) || !session.subscriptions?.has(exposed) || !mayHear(deps, hears(), alias, uri) || !maySpeak(deps, alias))
        return
      const told = notification('notifications/resources/updated', updatedParams(message, exposed).toString())
      const said = fedNotification(deps, alias, told)
      if (said) tell(deps, hears(), alias, { method: 'notifications/resources/updated', send: () => send(said) })
    },
    other() {},
    interrupted: () => deps.catalogue.forget(alias),
    ended,
  }
}
