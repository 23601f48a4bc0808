// Methods that exist in one era only do not exist in the other (R14).

import type { Era } from '../../mcp/revisions.ts'
import type { Classified, Received, Stage } from '../path.ts'

type InEra = { readonly isInEra: true }
const YES: InEra = { isInEra: true }

export const requireEraStage = (era: Era): Stage<Received & Classified, InEra> => ({
  name: 'require-era',
  run: x => (x.era === era ? YES : { stop: 'method-unknown', detail: `this method exists in the ${era} era only` }),
})
