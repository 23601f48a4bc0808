// Changes of upstreams on their way to hosts' standing streams, for both eras.

import type { Feeds } from './deps.ts'
import { listenerOf, type FeedDeps } from './feed-sources.ts'
import { listenTo } from './listen-feeds.ts'
import { openSessionFeeds, setSessionFeed } from './session-feeds.ts'

export const createFeeds = (deps: FeedDeps): Feeds => ({
  open(x) {
    if (x.session) openSessionFeeds(deps, listenerOf(x), x.session)
  },
  subscribe(x, entry) {
    if (x.session) setSessionFeed(deps, { who: listenerOf(x), session: x.session, entry })
  },
  listen: (x, asked) => listenTo(deps, { who: listenerOf(x), asked, rawId: x.message?.kind === 'request' ? x.message.id : 'null' }),
})
