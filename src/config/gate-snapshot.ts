// From `upstreams.<alias>.gates` to the settings of its gates.

import type { GateSettings } from '../gates/settings.ts'
import type { UpstreamDocument } from './upstream-table.ts'

export function gatesOf({ approval, rate, sampling, elicitation, roots }: UpstreamDocument['gates']): GateSettings {
  const { size: samplingBytes, ...ofSampling } = sampling
  const { size: formBytes, origins, ...ofElicitation } = elicitation
  return {
    approval: new Set(approval),
    rate,
    sampling: { ...ofSampling, maxBytes: samplingBytes },
    elicitation: { ...ofElicitation, origins: new Set(origins), maxBytes: formBytes },
    roots,
  }
}
