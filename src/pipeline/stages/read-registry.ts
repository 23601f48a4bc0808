// Reading the registry with a token: where it is not open to anybody, and what waits for reviewers. And following its revocations.

import { isStop, type Stop } from '../../kernel/errors.ts'
import { readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import { knownSequence } from '../../registry/revocation-feed.ts'
import type { Answered, Authenticated, EventStream, Received, Stage } from '../path.ts'

/** `{view, target}`: the set or '', and path with query from `/v0.1` on. Searches of people are not written down. */
export const aimReadStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['target'], ['view'])
    if (isStop(read)) return read
    const [path = ''] = (read.params['target'] ?? '').split('?', 1)
    return { act: { target: `registry ${path.slice(0, 512)}`, params: read.params } }
  },
}

export const readRegistryStage = (deps: Pick<AdminDeps, 'registry'>): Stage<Received & Aimed, Answered> => ({
  name: 'read-registry',
  run: async ({ act }) => {
    return answered(await deps.registry.read(act.params['view'] ?? '', act.params['target'] ?? ''))
  },
})

export const readReviewsStage = (deps: Pick<AdminDeps, 'registry'>): Stage<Received & Aimed, Answered> => ({
  name: 'read-reviews',
  run: async ({ act }) => answered(await deps.registry.review(act.params['target'] ?? '')),
})

const answered = (found: string | Buffer | Stop): Answered | Stop =>
  typeof found === 'string' || Buffer.isBuffer(found) ? { answer: { kind: 'result', result: Buffer.from(found), outcome: 'ok' } } : found

type Following = Aimed & { readonly after: number }
/** `{since}`, unless the header Last-Event-ID says more: the last number that is known */
export const aimFollowStage: Stage<Received, Following> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, [], ['since'])
    if (isStop(read)) return read
    const after = knownSequence(x.headers.lastEventId ?? read.params['since'])
    return typeof after === 'number' ? { act: { target: 'revocations', params: {} }, after } : after
  },
}

/** A stream that ends with the token that opened it. */
export const followRevocationsStage = (
  deps: Pick<AdminDeps, 'registry' | 'streamLimit' | 'standing'>,
): Stage<Received & Authenticated & Following, Answered> => ({
  name: 'follow-revocations',
  run: ({ principal, endpoint, after }) => {
    const limit = deps.streamLimit(principal)
    if (limit) return limit
    const open = (stream: EventStream): void => {
      // Whoever was blocked or signed out while this was recorded listens to nothing.
      if (deps.standing(principal)) stream.end()
      else deps.registry.follow(stream, after)
    }
    return { answer: { kind: 'stream', owner: { principal, endpoint }, open } }
  },
})
