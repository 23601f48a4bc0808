// Other registries as acts: how far each was read, what of them waits for a review, and reading one now.

import { isStop, type Stop } from '../../kernel/errors.ts'
import type { MirrorStatus } from '../../registry/mirrors/mirrors.ts'
import type { MirroredVersion } from '../../registry/mirrors/store.ts'
import { dateOf } from '../../registry/official.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Received, Stage } from '../path.ts'

type Deps = Pick<AdminDeps, 'registry'>

export const listMirrorsStage = (deps: Deps): Stage<Received, Answered> => ({
  name: 'list-mirrors',
  run: async () => adminAnswer({ mirrors: (await deps.registry.mirrors.status()).map(shown) }),
})

const atOf = (ms: number): string => dateOf(ms / 1000)
/** The name of a token's file is the configuration's business. */
function shown({ url, namespaces, everyMs, state, isReading }: MirrorStatus): object {
  const { sinceMs, pass, ended, dueMs } = state ?? {}
  return {
    ...{ url, namespaces, everySeconds: everyMs / 1000, isReading: isReading || pass !== undefined },
    ...(sinceMs !== undefined && { since: atOf(sinceMs) }),
    ...(pass && { reading: { startedAt: atOf(pass.startedMs), ...pass.tally } }),
    ...(ended && { last: { at: atOf(ended.atMs), ...ended.tally, ...(ended.failure !== undefined && { failure: ended.failure }) } }),
    ...(dueMs !== undefined && dueMs > 0 && { nextAt: atOf(dueMs) }),
  }
}

/** `{url}` */
export const aimMirrorStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['url'])
    return isStop(read) ? read : { act: { target: `mirror ${(read.params['url'] ?? '').slice(0, 480)}`, params: read.params } }
  },
}
export const readMirrorStage = (deps: Deps): Stage<Received & Aimed, Answered> => ({
  name: 'read-mirror',
  effect: true,
  run: async ({ act }) =>
    (await deps.registry.mirrors.request(act.params['url'] ?? '')) ? adminAnswer({ state: 'requested' }) : NO_MIRROR,
})

/** `{name, version}` for one, with its server.json; `{search, after}` for a page, `after` as the page before gave it */
export const aimMirroredStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, [], ['name', 'version', 'search', 'after'])
    return isStop(read) ? read : { act: { target: 'mirrored versions', params: read.params } }
  },
}
export const listMirroredStage = (deps: Deps): Stage<Received & Aimed, Answered> => ({
  name: 'list-mirrored',
  run: async ({ act: { params } }) => {
    const { name, version, search, after } = params
    const { mirrored } = deps.registry
    if (name !== undefined || version !== undefined) {
      const found = await mirrored.find(name ?? '', version ?? '')
      return found ? adminAnswer({ ...summary(found), server: JSON.parse(found.serverJson) as object }) : UNKNOWN
    }
    const [, afterName = '', afterVersion = ''] = /^([^@]+)@(.+)$/.exec(after ?? '') ?? []
    const page = await mirrored.page({
      limit: PAGE,
      ...(afterName !== '' && { after: { name: afterName, version: afterVersion } }),
      ...(search !== undefined && { search: search.toLowerCase() }),
    })
    const last = page.length === PAGE ? page.at(-1) : undefined
    return adminAnswer({
      versions: page.map(summary),
      metadata: { count: page.length, ...(last && { next: `${last.name}@${last.version}` }) },
    })
  },
})
const PAGE = 200

const summary = ({
  name,
  version,
  source,
  status,
  message,
  isWithdrawn,
  alteredTo,
  looksLike,
  seenMs,
  digest,
}: MirroredVersion): object => ({
  ...{ name, version, source, status, isWithdrawn },
  ...(message !== undefined && { message }),
  ...(alteredTo !== undefined && { alteredTo }),
  ...(looksLike !== undefined && { looksLike }),
  serverJsonSha256: digest,
  seenAt: atOf(seenMs),
})

const NO_MIRROR: Stop = { stop: 'registry-unknown', detail: 'there is no such mirror', fix: 'name one of `registry.mirrors` by its `url`' }
const UNKNOWN: Stop = { stop: 'registry-unknown', detail: 'no mirror showed this version' }
