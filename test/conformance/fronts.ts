// What may stand between the suite and a fixture: nothing but the gateway, or the byte passthrough as control.

import { randomUUID } from 'node:crypto'
import { startGateway, type Front, type UpstreamConfig } from './gateway.ts'
import { startPassthrough } from './passthrough.ts'

export const FRONTS = ['gateway', 'passthrough'] as const
export type FrontKind = (typeof FRONTS)[number]

async function startPassthroughs(upstreams: Readonly<Record<string, UpstreamConfig>>): Promise<Front> {
  const bearer = randomUUID()
  const started = new Map<string, Awaited<ReturnType<typeof startPassthrough>>>()
  for (const [alias, upstream] of Object.entries(upstreams)) {
    if (upstream.kind === 'http') started.set(alias, await startPassthrough(upstream.url, { bearer }))
  }
  return {
    url(alias) {
      const passthrough = started.get(alias)
      if (!passthrough) throw new Error(`the passthrough cannot stand in front of ${alias}`)
      return passthrough.url
    },
    bearer: () => Promise.resolve(bearer),
    async stop() {
      for (const passthrough of started.values()) await passthrough.stop()
    },
  }
}

/** Starts a front for `upstreams` by alias. The passthrough serves HTTP upstreams only. `log` takes the gateway's output. */
export function startFront(kind: FrontKind, upstreams: Readonly<Record<string, UpstreamConfig>>, log: string): Promise<Front> {
  return kind === 'gateway' ? startGateway(upstreams, log) : startPassthroughs(upstreams)
}
