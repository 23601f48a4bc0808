// The recorder of exchanges, joined to the log, the counts of refusals and the gateway's own log.

import { randomBytes } from 'node:crypto'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { RefusalTable } from '../audit/aggregate.ts'
import type { ValueStore } from '../audit/values.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import { createRecorder, type RecorderDeps } from '../pipeline/recorder.ts'

type Parts = Pick<RecorderDeps, 'log' | 'encoder' | 'monotonic'> & {
  readonly values: ValueStore
  readonly metrics: RecorderDeps['measure']
  readonly refusals: Pick<RefusalTable, 'count'>
  readonly logger: Pick<Logger, 'fault'>
}

export const openRecorder = ({ metrics, refusals, logger, values, ...parts }: Parts): GatewayDeps['recorder'] =>
  createRecorder({
    ...parts,
    recorded: { values, randomBytes, newId: parts.encoder.newId },
    measure: metrics,
    count: (reason, address) => refusals.count(reason, address),
    fault: (x, stage, cause) => logger.fault('a request ended in a fault', cause, { stage, request: x.requestId, trace: x.traceId }),
  })
