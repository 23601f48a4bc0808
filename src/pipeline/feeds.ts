// Changes of upstreams on their way to hosts' standing streams, for both eras.

import type { LegacySession } from '../bridge/legacy-session.ts'
import type { Feeds } from './deps.ts'
import { listenerOf, missingScopes, type FeedDeps, type Listener } from './feed-sources.ts'
import { listenTo } from './listen-feeds.ts'
import { openSessionFeeds, setSessionFeed } from './session-feeds.ts'

export function createFeeds(deps: FeedDeps): Feeds {
  /** who opened a session's stream last: with that token what flows on it is judged, not with the one that subscribed (N031) */
  const hearing = new WeakMap<LegacySession, Listener>()
  const hears = (session: LegacySession, who: Listener) => (): Listener => hearing.get(session) ?? who
  return {
    open(x) {
      if (!x.session) return
      const who = listenerOf(x)
      hearing.set(x.session, who)
      openSessionFeeds(deps, { who, session: x.session, hears: hears(x.session, who) })
    },
    subscribe(x, entry) {
      if (!x.session) return
      const who = listenerOf(x)
      setSessionFeed(deps, { who, session: x.session, hears: hears(x.session, who) }, entry)
    },
    missingScopes: (x, filter) => missingScopes(deps, x, filter),
    listen: (x, asked) => listenTo(deps, { who: listenerOf(x), asked, rawId: x.message?.kind === 'request' ? x.message.id : 'null' }),
  }
}
