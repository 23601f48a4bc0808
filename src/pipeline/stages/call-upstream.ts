// The effect: one call to the upstream, with its questions gated and its answer brought into the host's era. Whoever reads is marked before the call leaves, and
// for as long as it runs: by the time anything of the answer reaches the host, the mark is durable.

import { isStop, type Stop } from '../../kernel/errors.ts'
import { askToConnect } from '../ask-to-connect.ts'
import type { GatewayDeps } from '../deps.ts'
import type { GateDeps } from '../gate.ts'
import { Invocation } from '../invocation.ts'
import { notKept } from '../marking.ts'
import type { Answered, Stage } from '../path.ts'
import type { Ready } from '../ready.ts'

/** What the effect may need of everything. */
export type CallDeps = GatewayDeps & GateDeps

export const callUpstreamStage = (deps: CallDeps): Stage<Ready, Answered> => ({
  name: 'call-upstream',
  effect: true,
  run: x => (x.labels.length === 0 ? call(x, deps) : markedCall(x, deps)),
})

async function markedCall(x: Ready, deps: CallDeps): Promise<Answered | Stop> {
  const { method, labels } = x
  const { kind, name, entry } = x.route
  const isNamed = kind === 'tool' || kind === 'prompt'
  const begun = deps.marking.begin(x, { server: entry.alias, method, name: isNamed ? name : '', labels })
  const running = begun instanceof Promise ? await begun : begun
  if (isStop(running)) return running
  let isKept: boolean | undefined
  try {
    const answer = await call(x, deps)
    isKept = await running.end()
    return isKept ? answer : notKept(entry.alias)
  } finally {
    if (isKept === undefined) await running.end()
  }
}

async function call(x: Ready, deps: CallDeps): Promise<Answered | Stop> {
  const { entry } = x.route
  const face = await entry.upstream.face(x.caller)
  if ('stop' in face) return askToConnect(x, entry, face, deps)
  return new Invocation(x, face, deps).run()
}
