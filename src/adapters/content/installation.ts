// One installation as its kinds see it: the sources, what may still be used, a thread, and the folder that is filled.

import { isDenial, type Denial } from '../../trust/denial.ts'
import type { WantedArtifact } from '../../trust/content.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import type { ContentAnswers, ContentJob } from './content-messages.ts'
import type { ContentThread } from './content-thread.ts'
import type { ContentLimits } from './limits.ts'
import type { ServerPackage } from './server-package.ts'
import type { Budget, ContentSources } from './source.ts'

export type Installation = {
  readonly wanted: WantedArtifact
  readonly package: ServerPackage
  readonly sources: ContentSources
  readonly fetch: SafeFetch
  readonly limits: ContentLimits
  readonly budget: Budget
  readonly thread: ContentThread
  /** absolute; empty, and nobody else's */
  readonly folder: string
}

/** A job of the thread within what is left of the time. Bytes of a download are handed over, not copied. */
export async function run<J extends ContentJob>(
  { thread, budget }: Pick<Installation, 'thread' | 'budget'>,
  job: J,
): Promise<ContentAnswers[J['kind']] | Denial> {
  const bytes = 'bytes' in job ? job.bytes : undefined
  const isWhole = bytes?.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
  const done = await thread.ask(job, Math.max(1, budget.untilMs - Date.now()), isWhole ? [bytes.buffer] : [])
  return isDenial(done) ? done : done.answer
}
