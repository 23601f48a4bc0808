// The recorder of exchanges, joined to the log, the counts of refusals and the gateway's own log.

import type { Logger } from '../adapters/telemetry/logs.ts'
import type { RefusalTable } from '../audit/aggregate.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import { createRecorder, type RecorderDeps } from '../pipeline/recorder.ts'

type Parts = Pick<RecorderDeps, 'log' | 'encoder' | 'monotonic'> & {
  readonly metrics: RecorderDeps['measure']
  readonly refusals: Pick<RefusalTable, 'count'>
  readonly logger: Pick<Logger, 'fault'>
}

export const openRecorder = ({ metrics, refusals, logger, ...parts }: Parts): GatewayDeps['recorder'] =>
  createRecorder({
    ...parts,
    measure: metrics,
    count: (reason, address) => refusals.count(reason, address),
    fault: (x, stage, cause) => logger.fault('a request ended in a fault', cause, { stage, request: x.requestId, trace: x.traceId }),
  })
