// Limits on a clock that the test moves, with room for everything that it does not narrow.

import { createLimits, type Counted } from '../../src/compose/limits.ts'
import type { Limits, RateWindow, UpstreamSettings } from '../../src/config/schema.ts'
import type { Principal } from '../../src/kernel/principal.ts'
import type { Counter, Window } from '../../src/limits/counter.ts'

const ROOMY: RateWindow = { count: 1_000_000, seconds: 1 }

export type Narrow = {
  readonly rates?: Partial<Limits['rates']>
  readonly concurrency?: Partial<Limits['concurrency']>
  readonly payload?: Partial<Limits['payload']>
  readonly addressFailuresPerMinute?: number
  readonly upstream?: Pick<UpstreamSettings['limits'], 'rate' | 'toolRate' | 'atOnce'>
  readonly counterOf?: (window: Window, name: string) => Counter
}

type Clocked = Counted & {
  pass(seconds: number): void
}

export function limitsOf({ rates, concurrency, payload, addressFailuresPerMinute = 600, upstream = {}, counterOf }: Narrow = {}): Clocked {
  let ms = 0
  const limits = {
    addressFailuresPerMinute,
    rates: { address: ROOMY, visitor: ROOMY, visitors: ROOMY, principal: ROOMY, client: ROOMY, server: ROOMY, tool: ROOMY, ...rates },
    concurrency: { principal: 1000, client: 1000, server: 1000, ...concurrency },
    payload: { principal: { count: 1e9, seconds: 60 }, client: { count: 1e9, seconds: 60 }, ...payload },
  }
  const current = (): any => ({ limits, upstreams: new Map([['up', { limits: upstream }]]) })
  return {
    ...createLimits({ current, monotonic: () => ms, ...(counterOf && { counterOf }) }),
    pass: seconds => void (ms += seconds * 1000),
  }
}

export const principal = (subject: string, client?: string): Principal =>
  ({ key: `https://idp.example ${subject}`, issuer: 'https://idp.example', subject, ...(client !== undefined && { client }) }) as Principal
