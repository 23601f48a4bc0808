// What a server may ask one user, counted: questions, and what they may cost the user's model. Counts are kept in this process, apart from those of calls.

import { randomUUID } from 'node:crypto'
import { MemoryCounter } from '../adapters/memory-counter.ts'
import { spendAll, type Charge } from '../limits/charges.ts'
import type { Window } from '../limits/counter.ts'
import { LeaseBook } from '../limits/lease-book.ts'
import { AskedInTasks } from '../pipeline/asked-in-tasks.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import type { CounterOf } from './limits.ts'

/** `counterOf`: what counts a window; default: this process */
export function questionLimits(monotonic: () => number, counterOf?: CounterOf): Pick<GatewayDeps, 'spendQuestion' | 'askedInTasks'> {
  const book = new LeaseBook({ counterOf: counterOf ?? (window => new MemoryCounter(window, monotonic)), monotonic, seed: randomUUID() })
  const spendQuestion: GatewayDeps['spendQuestion'] = (principal, { alias, gates }, tokens) => {
    const key = `${alias} ${principal.key}`
    const of = (kind: 'question' | 'sampling' | 'tokens', window: Window, cost: number): Charge => ({
      leases: book.of(kind, window),
      key,
      group: principal.key,
      limit: { kind, of: alias },
      cost,
    })
    const { rate, sampling } = gates
    return spendAll([
      of('question', rate, 1),
      ...(tokens === 0 ? [] : [of('sampling', sampling.rate, 1), of('tokens', sampling.tokens, tokens)]),
    ])
  }
  return { spendQuestion, askedInTasks: new AskedInTasks() }
}
