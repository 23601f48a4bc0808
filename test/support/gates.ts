// The settings of a server's gates where nothing is configured.

import type { GateSettings } from '../../src/gates/settings.ts'

export const GATES: GateSettings = {
  approval: new Set(),
  rate: { count: 120, seconds: 60 },
  sampling: {
    rate: { count: 30, seconds: 60 },
    tokens: { count: 200_000, seconds: 3600 },
    maxTokens: 4096,
    models: [],
    systemPrompt: true,
    messages: 64,
    maxBytes: 256 * 1024,
    tools: 32,
  },
  elicitation: { fields: 24, maxBytes: 16 * 1024, message: 4000, origins: new Set() },
  roots: { within: [], most: 64 },
}
