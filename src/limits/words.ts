// What somebody is told whom a limit refuses: which one, how much it allows, who can raise it, when to come again. Never whose requests used it up.

import type { Reason, Stop } from '../kernel/errors.ts'
import type { Window } from './counter.ts'
import type { Wanted } from './places.ts'

/** `of`: an alias, or per what a rule counts. */
export type Limit =
  | { readonly kind: 'address' | 'visitor' | 'visitors' | 'principal' | 'client' | 'payload' | 'client-payload' }
  | { readonly kind: 'server' | 'tool' | 'obligation' | 'question' | 'sampling' | 'tokens'; readonly of: string }

export function limitStop(limit: Limit, { count, seconds }: Window, retryAfterSeconds: number): Stop {
  const most = `${count} in ${seconds} s`
  const refused = (stop: Reason, detail: string, setting: string): Stop => ({
    stop,
    detail,
    fix: `slow down; ${setting}`,
    retryAfterSeconds,
  })
  switch (limit.kind) {
    case 'address':
      return refused('address-limited', `the limit is ${most} of one address`, 'an operator can raise `limits.rates.address`')
    case 'visitor':
      return refused('address-limited', `the limit is ${most} of one address`, 'an operator can raise `limits.rates.visitor`')
    case 'visitors':
      return refused('gateway-overloaded', `the limit is ${most} of everybody together`, 'an operator can raise `limits.rates.visitors`')
    case 'principal':
      return refused(
        'principal-limited',
        `the limit is ${count / seconds} requests per second`,
        'an operator can raise `limits.principalPerSecond`',
      )
    case 'client':
      return refused(
        'client-limited',
        `the limit is ${most} of one application, all its users together`,
        'an operator can raise `limits.rates.client`',
      )
    case 'payload':
      return refused('payload-limited', `the limit is ${count} bytes in ${seconds} s`, 'an operator can raise `limits.payload.principal`')
    case 'client-payload':
      return refused(
        'payload-limited',
        `the limit is ${count} bytes in ${seconds} s of one application, all its users together`,
        'an operator can raise `limits.payload.client`',
      )
    case 'server':
      return refused(
        'server-limited',
        `the limit is ${most} to \`${limit.of}\``,
        `an operator can raise \`upstreams.${limit.of}.limits.rate\``,
      )
    case 'tool':
      return refused(
        'tool-limited',
        `the limit is ${most} to one tool of \`${limit.of}\``,
        `an operator can raise \`upstreams.${limit.of}.limits.toolRate\``,
      )
    case 'question':
      return refused(
        'question-limited',
        `the limit is ${most} that \`${limit.of}\` asks one user`,
        `an operator can raise \`upstreams.${limit.of}.gates.rate\``,
      )
    case 'sampling':
      return refused(
        'question-limited',
        `the limit is ${most} sampling requests of \`${limit.of}\` to one user`,
        `an operator can raise \`upstreams.${limit.of}.gates.sampling.rate\``,
      )
    case 'tokens':
      return refused(
        'question-limited',
        `the limit is ${most} tokens of one user's model for \`${limit.of}\``,
        `an operator can raise \`upstreams.${limit.of}.gates.sampling.tokens\``,
      )
    case 'obligation':
      return refused('obligation-limited', `the limit is ${most} per ${limit.of}`, 'a rule of the policies says so (`@rate`)')
  }
}

/** A call that ends gives its place back; nobody knows when. */
export const fullStop = ({ most, what }: Wanted): Stop => ({
  stop: 'concurrency-limited',
  detail: `at most ${most} calls at once ${what}`,
  fix: 'wait until one of them has ended',
  retryAfterSeconds: 1,
})
