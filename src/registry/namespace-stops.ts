// Why somebody does not get a namespace, or publishes nothing in one.

import type { Stop } from '../kernel/errors.ts'
import type { Quiet } from './namespace.ts'

const ASK = 'ask an operator'
export const TAKEN: Stop = { stop: 'namespace-taken', detail: 'it, or one that looks like it, has an owner', fix: ASK }
export const FROZEN: Stop = { stop: 'namespace-frozen', detail: 'nothing is published in it for now', fix: ASK }
export const UNPROVED: Stop = { stop: 'namespace-unproved', detail: 'its proof is older than 30 days', fix: 'gatehouse namespace verify' }
export const FORBIDDEN: Stop = {
  stop: 'namespace-forbidden',
  detail: 'you do not publish in this namespace, or there is none',
  fix: 'claim it, or ask its owner to make you a publisher',
}
export const UNCLAIMED: Stop = {
  stop: 'namespace-forbidden',
  detail: 'nobody has this namespace yet',
  fix: 'somebody with the role publisher proves it first: `gatehouse namespace verify`',
}
export const UNBOUND: Stop = {
  stop: 'namespace-forbidden',
  detail: 'its owner has not proved it in this way',
  fix: 'its owner proves it by this key or account: `gatehouse namespace verify`',
}
export const OTHER_DETAIL: Stop = {
  stop: 'proof-invalid',
  detail: 'it is not by the repository, or whatever else was bound, of the first proof',
  fix: 'prove it from there; an operator can reassign it, which binds it anew',
}

/** Somebody else could prove it: an operator decides. */
export const frozenBy = (proof: 'owner' | 'account' | 'key'): Stop => ({ stop: 'namespace-taken', detail: BY[proof], fix: ASK })
const BY = {
  owner: 'it has another owner; since you proved it too it is frozen',
  account: 'the name belongs to another account than the one that proved it first: it was renamed, or taken anew; it is frozen',
  key: 'it was proved by another key; since somebody else proved it too it is frozen',
} as const

export const looksLike = (other: string): Stop => ({
  stop: 'lookalike-held',
  detail: `it looks like \`${other}\``,
  fix: 'an operator who knows you can register it',
})

export const cooling = ({ why, untilSeconds }: Quiet, nowSeconds: number): Stop => ({
  stop: 'namespace-cooling',
  detail: `${CHANGED[why]}, and nothing is published for a while`,
  fix: 'wait; an operator who did not expect it can freeze the namespace',
  retryAfterSeconds: untilSeconds - nowSeconds,
})
const CHANGED: Readonly<Record<Quiet['why'], string>> = {
  key: 'another key or account proved it',
  owner: 'its owners changed',
  signer: 'who signs for it changed',
}
