// The effect: one call to the upstream, with its questions gated and its answer brought into the host's era.

import type { GatewayDeps } from '../deps.ts'
import { Invocation } from '../invocation.ts'
import type { Answered, Stage } from '../path.ts'
import type { Ready } from '../ready.ts'

export const callUpstreamStage = (deps: GatewayDeps): Stage<Ready, Answered> => ({
  name: 'call-upstream',
  effect: true,
  run: async x => {
    const face = await x.route.entry.upstream.face(x.prepared.face.caller)
    if ('stop' in face) return face
    return new Invocation(x, face, deps).run()
  },
})
