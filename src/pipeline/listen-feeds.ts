// subscriptions/listen of modern hosts: the filter that is honoured, and the changes it lets through, stamped with the listen id (R79-R83).

import { holdsQuestions } from '../bridge/translate-params.ts'
import type { ListKind, SubscriptionFilter, UpstreamChanges } from '../bridge/upstream.ts'
import { member, rawOf } from '../mcp/json.ts'
import type { ListenFilter, Listening } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import { fedNotification } from './fed-notification.ts'
import { LIST_CHANGED, notification, stamped, stampOf, updatedParams } from './feed-messages.ts'
import { mayFollowTasks, mayHear, maySpeak, ownUris, reachable, subscribeFor, tell, type FeedDeps, type Listener } from './feed-sources.ts'
import { exposeTask, taskIn } from './task-names.ts'

const FILTER_KEYS: Readonly<Record<ListKind, 'toolsListChanged' | 'promptsListChanged' | 'resourcesListChanged'>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
}
type Wanted = { readonly entry: UpstreamEntry; readonly filter: SubscriptionFilter }
/** One open listen: who asked for what, under which id. */
type Listen = { readonly who: Listener; readonly asked: ListenFilter; readonly rawId: string }

export function listenTo(deps: FeedDeps, listen: Listen): Listening {
  const { who, asked } = listen
  const wanted = reachable(deps, who).map(entry => ({ entry, filter: filterFor(deps, listen, entry.alias) }))
  return {
    honoured: JSON.stringify(honouredOf(deps, listen, wanted)),
    feed(send, end) {
      let left = wanted.length
      // An upstream without such a stream leaves the host's silent; one that is gone from the configuration ends its part; where another stands in
      // its place the host listens anew, and hears of that one.
      const ended = (entry: UpstreamEntry): void => {
        const now = deps.upstreams().get(entry.alias)
        if (now === entry) return
        left -= 1
        if (left === 0 || now !== undefined) end()
      }
      const open = wanted.map(({ entry, filter }) =>
        subscribeFor(deps, { who, entry, filter }, changesFor(deps, listen, { alias: entry.alias, send, ended: () => ended(entry) })),
      )
      return () => {
        for (const subscription of open) subscription.close()
      }
    },
  }

  function honouredOf(of: FeedDeps, { who: by }: Listen, from: readonly Wanted[]): object {
    const isHonoured = (exposed: string): boolean => {
      const found = of.catalogue.ownUri(by.endpoint, exposed)
      return from.some(w => w.entry.alias === found?.alias && w.filter.resourceSubscriptions?.includes(found.uri) === true)
    }
    return {
      ...(asked.toolsListChanged && { toolsListChanged: true }),
      ...(asked.promptsListChanged && { promptsListChanged: true }),
      ...(asked.resourcesListChanged && { resourcesListChanged: true }),
      ...list('resourceSubscriptions', asked.resourceSubscriptions.filter(isHonoured)),
      ...list(
        'taskIds',
        asked.taskIds.filter(id => {
          const task = taskOf(of, by, id)
          return from.some(w => w.entry.alias === task?.alias && w.filter.taskIds?.includes(task.taskId) === true)
        }),
      ),
    }
  }
}

function filterFor(deps: FeedDeps, { who, asked }: Listen, alias: string): SubscriptionFilter {
  const { toolsListChanged, promptsListChanged, resourcesListChanged } = asked
  // Until a reviewer has admitted it, a server hears nothing but that its lists are watched.
  if (!maySpeak(deps, alias)) return { toolsListChanged, promptsListChanged, resourcesListChanged }
  const uris = ownUris(deps, who, alias, asked.resourceSubscriptions).filter(uri => mayHear(deps, who, alias, uri))
  const followed = mayFollowTasks(deps, who, alias) ? asked.taskIds : []
  const taskIds = followed.flatMap(id => {
    const task = taskOf(deps, who, id)
    return task?.alias === alias ? [task.taskId] : []
  })
  return { toolsListChanged, promptsListChanged, resourcesListChanged, ...list('resourceSubscriptions', uris), ...list('taskIds', taskIds) }
}

const taskOf = ({ sealer, upstreams }: FeedDeps, who: Listener, id: string): ReturnType<typeof taskIn> =>
  taskIn(sealer, who, id, alias => upstreams().get(alias))

type Target = { readonly alias: string; readonly send: (message: Buffer) => boolean; readonly ended: () => void }

function changesFor(deps: FeedDeps, { who, asked, rawId }: Listen, { alias, send, ended }: Target): UpstreamChanges {
  const inspected = (method: string, message: Buffer): void => {
    const said = fedNotification(deps, alias, message)
    if (said) tell(deps, who, alias, { method, send: () => send(said) })
  }
  return {
    listChanged(kind) {
      deps.catalogue.forget(alias)
      if (asked[FILTER_KEYS[kind]] && mayHear(deps, who, alias)) send(notification(LIST_CHANGED[kind], `{"_meta":${stampOf(rawId)}}`))
    },
    resourceUpdated(uri, message) {
      const exposed = deps.catalogue.expose(who.endpoint, alias, 'resource', uri)
      // R80: nothing that was not asked for.
      if (
        holdsQuestions(message) ||
        !asked.resourceSubscriptions.includes(exposed) ||
        !mayHear(deps, who, alias, uri) ||
        !maySpeak(deps, alias)
      )
        return
      const told = notification('notifications/resources/updated', stamped(updatedParams(message, exposed), rawId))
      inspected('notifications/resources/updated', told)
    },
    other(method, message) {
      const params = member(message.root, 'params')
      // R90: a task's questions are gated where they are answered for, in tasks/get; a notification carries none of them.
      if (method !== 'notifications/tasks' || params?.kind !== 'object' || holdsQuestions(message)) return
      const bytes =
        mayFollowTasks(deps, who, alias) && maySpeak(deps, alias)
          ? exposeTask(deps.sealer, who, deps.upstreams().get(alias) ?? { alias }, rawOf(message, params))
          : undefined
      if (bytes) inspected(method, notification(method, stamped(bytes, rawId)))
    },
    interrupted: () => deps.catalogue.forget(alias),
    ended,
  }
}

const list = (key: string, values: readonly string[]): Record<string, readonly string[]> => (values.length > 0 ? { [key]: values } : {})
