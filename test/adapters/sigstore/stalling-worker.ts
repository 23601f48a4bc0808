// A verifying thread that a bundle can stall, end or break, as a hostile one would through a fault of a library; otherwise the real one.

import type { MessagePort } from 'node:worker_threads'
import { workerData } from 'node:worker_threads'
import { createBundleVerifier } from '../../../src/adapters/sigstore/verify-bundle.ts'

const { root, port } = workerData as { readonly root: string; readonly port: MessagePort }
const verify = createBundleVerifier(root)
port.on('message', (job: { readonly bundle: Uint8Array; readonly keys: [] }) => {
  const text = Buffer.from(job.bundle).toString()
  if (text.includes('stall')) for (;;);
  if (text === 'exit') process.exit(0)
  if (text === 'throw') throw new Error('broken')
  port.postMessage({ type: 'answer', answer: verify(job) })
})
port.postMessage({ type: 'ready' })
