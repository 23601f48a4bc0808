// Which log messages a call asked for (MCP 2026-07-28 logging; RFC 5424 severities).

import { member, textOf, type JsonDoc, type JsonNode } from '../../mcp/json.ts'

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

/** 0 = debug ... 7 = emergency; -1 = no level. */
export const rankOf = (level: string): number => LEVELS.indexOf(level)

/** True when a `notifications/message` is at least as severe as asked for; nothing asked for admits nothing (R86). */
export function admitsLog(doc: JsonDoc, params: JsonNode | undefined, wanted: string | undefined): boolean {
  if (wanted === undefined) return false
  const level = member(params, 'level')
  return level?.kind === 'string' && rankOf(textOf(doc, level)) >= Math.max(0, rankOf(wanted))
}
