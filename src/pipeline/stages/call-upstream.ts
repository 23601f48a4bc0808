// The effect: one call to the upstream, with its questions gated and its answer brought into the host's era.

import { askToConnect } from '../ask-to-connect.ts'
import type { GatewayDeps } from '../deps.ts'
import { Invocation } from '../invocation.ts'
import type { Answered, Stage } from '../path.ts'
import type { Ready } from '../ready.ts'

export const callUpstreamStage = (deps: GatewayDeps): Stage<Ready, Answered> => ({
  name: 'call-upstream',
  effect: true,
  run: async x => {
    const { entry } = x.route
    const face = await entry.upstream.face(x.caller)
    if ('stop' in face) return askToConnect(x, entry, face, deps)
    return new Invocation(x, face, deps).run()
  },
})
