// Inspection of definitions as this process runs it: what is left out of a server's lists, and what passes all the same, is on record before it matters.

import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import { InspectedDefinitions, type DefinitionFindings, type JudgedDefinition } from '../pipeline/inspected-definitions.ts'
import type { Inspect } from '../pipeline/inspected.ts'

type Parts = {
  readonly inspect: Inspect
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'warn' | 'info'>
}

/** Definitions, and findings of each, that are named in one event; all are counted. */
const NAMED = 20
const SHOWN = 8

export function openInspection({ inspect, log, encoder, logger }: Parts): InspectedDefinitions {
  return new InspectedDefinitions({
    inspect,
    pause: () => new Promise(resolve => setImmediate(resolve)),
    async record(findings) {
      const detail = describe(findings)
      await log.append(encoder.lifecycle('inspection', detail))
      const isLeftOut = findings.judged.some(({ is }) => is === 'blocked' || is === 'held')
      if (isLeftOut) logger.warn('something was found in what a server lists; it is left out', detail)
      else logger.info('something was found in what a server lists', detail)
    },
  })
}

/** attacker-controlled names, cut; whoever writes them escapes them. Samples are inert, and never hold a secret. */
function describe({ alias, list, judged }: DefinitionFindings): Record<string, unknown> {
  const count = (is: JudgedDefinition['is']): number => judged.filter(each => each.is === is).length
  return {
    upstream: alias,
    list,
    blocked: count('blocked'),
    held: count('held'),
    definitions: judged.slice(0, NAMED).map(({ kind, name, digest, is, inspected }) => ({
      kind,
      name: name.slice(0, 128),
      ...(digest !== undefined && { digest }),
      is,
      findings: inspected.findings
        .slice(0, SHOWN)
        .map(({ code, severity, tier, pointer, sample }) => ({ code, severity, tier, pointer, sample })),
    })),
  }
}
