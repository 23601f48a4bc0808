// The thread that verifies bundles, one after the other. Whatever a bundle does to it, it is replaced.

import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { createBundleVerifier } from './verify-bundle.ts'
import type { FromVerifier, Job, VerifierSettings } from './verify-messages.ts'

const { root, port } = workerData as VerifierSettings & { readonly port: MessagePort }
const verify = createBundleVerifier(root)
const tell = (message: FromVerifier): void => port.postMessage(message)

port.on('message', (job: Job) => tell({ type: 'answer', answer: verify(job) }))
parentPort?.once('message', () => port.close())
tell({ type: 'ready' })
