// Which protocol era a message belongs to; header and body must agree (R5-R10).

import { classify, type Envelope } from '../../mcp/era.ts'
import type { Classified, Received, Stage } from '../path.ts'

const NO_ENVELOPE: Envelope = { capabilities: '{}' }

/** Transport acts (GET, DELETE, posted responses) exist only in the legacy era. */
export const classifyStage: Stage<Received, Classified> = {
  name: 'classify',
  run: x => {
    if (x.doc === undefined || x.message?.kind === 'response') return { era: 'legacy', envelope: NO_ENVELOPE }
    const message = { doc: x.doc, method: x.method, ...(x.params && { params: x.params }), ...(x.meta && { meta: x.meta }) }
    const found = classify(message, x.headers, x.isRequest)
    if ('fault' in found) return { stop: found.fault, detail: found.detail, ...(found.data && { data: found.data }) }
    return found.era === 'modern' ? found : { era: 'legacy', envelope: NO_ENVELOPE }
  },
}
