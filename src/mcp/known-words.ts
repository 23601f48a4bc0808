// Words that nearly every message holds, found by hash and confirmed byte by byte, so that they need no decoding.

const SLOTS = 4096
const WORDS =
  'jsonrpc id method params result error code message data name arguments _meta uri cursor taskId inputResponses inputRequests requestState ' +
  'resultType content structuredContent isError type text progressToken progress total level logger traceparent tracestate baggage ' +
  'protocolVersion capabilities clientInfo serverInfo version title description inputSchema outputSchema annotations tools resources prompts ' +
  'resourceTemplates nextCursor ttlMs cacheScope contents mimeType blob messages role ref argument value context completion values hasMore ' +
  'requestId reason notifications io.modelcontextprotocol/protocolVersion io.modelcontextprotocol/clientInfo ' +
  'io.modelcontextprotocol/clientCapabilities io.modelcontextprotocol/logLevel io.modelcontextprotocol/serverInfo ' +
  'io.modelcontextprotocol/subscriptionId path query url mode form task elicitationId requestedSchema ' +
  '2.0 2026-07-28 2025-11-25 2025-06-18 2025-03-26 complete input_required private public debug info notice warning ' +
  'initialize ping server/discover tools/list tools/call prompts/list prompts/get resources/list resources/templates/list resources/read ' +
  'completion/complete logging/setLevel subscriptions/listen tasks/get elicitation/create sampling/createMessage roots/list ' +
  'notifications/initialized notifications/cancelled notifications/progress notifications/message'

const SLOT_OF: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined)
const slot = (hash: number): number => (hash ^ (hash >>> 13)) & (SLOTS - 1)

/** The hash of bytes that knownWord expects: h = 31 h + byte, 32 bits. */
export const hashOf = (bytes: Uint8Array, start: number, end: number): number => {
  let hash = 0
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0
  return hash
}
for (const word of WORDS.split(' ')) SLOT_OF[slot(hashOf(Buffer.from(word), 0, word.length))] ??= word

/** The word these bytes are, or undefined when they are none of the known ones. */
export function knownWord(bytes: Uint8Array, start: number, end: number, hash: number): string | undefined {
  const word = SLOT_OF[slot(hash)]
  if (word?.length !== end - start) return undefined
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word.charCodeAt(i)) return undefined
  return word
}
