// The thread that compares, unpacks, and reads what was installed: strangers' archives are opened off the event loop, and given up with the thread.

import { hash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { gunzipSync } from 'node:zlib'
import { isDenial, type Denial, type TrustRule } from '../../trust/denial.ts'
import type { ContentAnswers, ContentJob, ContentSettings, FromContent, ToContent } from './content-messages.ts'
import { readNpmLock } from './npm-lock.ts'
import { readOciManifest } from './oci-manifest.ts'
import { fileInIndex } from './pypi-index.ts'
import { refused, Refusal } from './refusal.ts'
import { readTar } from './tar.ts'
import { plant, seal, treeDigest, uproot, type Spent } from './tree.ts'
import { readZip } from './zip.ts'

const { limits, platform, port } = workerData as ContentSettings
const spent: Spent = { bytes: 0, entries: 0 }

function run(job: ContentJob): ContentAnswers[keyof ContentAnswers] {
  switch (job.kind) {
    case 'plan': {
      const lock = bufferOf(job.lock)
      compare(lock, 'sha256', job.sha256, 'lock-mismatch')
      return believed(readNpmLock(lock, job.signed, platform))
    }
    case 'tarball': {
      const bytes = bufferOf(job.bytes)
      compare(bytes, 'sha512', job.sha512)
      const entries = readTar(gunzipped(bytes), limits)
      // npm leaves `node_modules` out of what it packs, but for bundled packages: the lock file alone says what lies there
      if (entries.some(({ path }) => path.split('/')[0]?.toLowerCase() === 'node_modules'))
        throw refused('archive-entry', 'it brings `node_modules` of its own')
      plant(job.folder, entries, limits, spent)
      return
    }
    case 'bundle': {
      const bytes = bufferOf(job.bytes)
      compare(bytes, 'sha256', job.sha256)
      plant(job.folder, readZip(bytes, limits), limits, spent)
      return
    }
    case 'pypi-index':
      return believed(fileInIndex(bufferOf(job.bytes), job.page, job.sha256))
    case 'oci-manifest': {
      const bytes = bufferOf(job.bytes)
      compare(bytes, 'sha256', job.sha256)
      return believed(readOciManifest(bytes, platform.cpu))
    }
    case 'compare':
      compare(bufferOf(job.bytes), 'sha256', job.sha256)
      return
    case 'seal':
      seal(job.folder, job.programs)
      return treeDigest(job.folder, limits)
    case 'digest':
      return treeDigest(job.folder, limits)
    case 'uproot':
      uproot(job.folder)
      return
  }
}

function believed<T extends object | string>(answer: T | Denial): T {
  if (typeof answer === 'object' && isDenial(answer)) throw new Refusal(answer)
  return answer
}

/** Bytes are compared before anything in them is looked at. */
function compare(bytes: Buffer, algorithm: 'sha256' | 'sha512', expected: string, rule: TrustRule = 'artifact-mismatch'): void {
  const got = hash(algorithm, bytes)
  if (got !== expected) throw refused(rule, `expected ${algorithm} ${expected.slice(0, 16)}…, got ${got.slice(0, 16)}…`)
}

function gunzipped(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: limits.archiveBytes })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw refused('archive-size', `expected at most ${limits.archiveBytes} bytes once it is unpacked`)
    throw refused('archive-invalid', 'expected a gzip file')
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function answerTo({ id, job }: ToContent): FromContent {
  try {
    return { id, answer: run(job) }
  } catch (error) {
    if (error instanceof Refusal) return { id, denial: error.denial }
    const { code } = error as NodeJS.ErrnoException
    return { id, failed: typeof code === 'string' ? code : '' }
  }
}

port.on('message', (message: ToContent) => port.postMessage(answerTo(message)))
parentPort?.once('message', () => port.close())
