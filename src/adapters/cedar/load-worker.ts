// The thread that loads policies: hundreds of milliseconds that no request has to wait for. One job, one answer, and it ends.

import { parentPort, workerData } from 'node:worker_threads'
import { gateBundle } from '../../policy/admit-bundle.ts'
import { CedarEngine } from './engine.ts'
import { CedarLanguage } from './language.ts'
import type { LoadJob, Loaded } from './load-messages.ts'

const job = workerData as LoadJob
const answer: Loaded = gateBundle(job, { language: new CedarLanguage(), schema: job.schema }, new CedarEngine())
parentPort?.postMessage(answer)
