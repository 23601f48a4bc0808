// `gatehouse verify`: a bundle against a signer policy and a pinned trusted root, offline; then what it is about against what lies here.

import { resolve } from 'node:path'
import { startVerifier } from '../adapters/sigstore/verifier.ts'
import { whyNotCurrent, whyNotReviewed, whyNotSigned } from '../trust/binding.ts'
import { isDenial, type Denial } from '../trust/denial.ts'
import { MAX_BUNDLE_BYTES } from '../trust/preflight.ts'
import type { ReviewStatement } from '../trust/review.ts'
import { MAX_POLICY_BYTES, readTrustPolicies, type TrustPolicies } from '../trust/signer-policy.ts'
import type { ServerStatement } from '../trust/statement.ts'
import { KEYS_ONLY, readTrustedRoot } from '../trust/trusted-root.ts'
import { Verification, type Verified } from '../trust/verification.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { DEFAULT_REGISTRY, presentedFiles, required, type PresentedFiles } from './signing/presented.ts'
import { denialText } from './signing/denial-text.ts'
import { tellingUsage, UsageError } from './usage.ts'

const MAX_ROOT_BYTES = 1024 * 1024
/** A command loads the verifier for one bundle: its first is as slow as the machine is busy. */
const DEADLINE_MS = 10_000

type Verdict = Denial | (Verified<ServerStatement | ReviewStatement> & { readonly files?: PresentedFiles })

export const run = tellingUsage('verify', async args => {
  const verdict = await verify(args)
  report(args, verdict)
  return isDenial(verdict) ? EXIT.failed : EXIT.ok
})

async function verify(args: CommandArgs): Promise<Verdict> {
  const { io } = args
  const [bundleFile] = args.positionals
  const policyFile = args.text('policy')
  const serverFile = args.text('server')
  if (bundleFile === undefined || policyFile === undefined || serverFile === undefined)
    throw new UsageError('expected a bundle, --policy and --server')
  const policies = readTrustPolicies(await required(resolve(io.cwd, policyFile), MAX_POLICY_BYTES))
  const rootFile = args.text('trusted-root')
  const root = rootFile === undefined ? KEYS_ONLY : readTrustedRoot(await required(resolve(io.cwd, rootFile), MAX_ROOT_BYTES))
  // One byte more than is allowed: the size is for the preflight to judge, in its own words.
  const bundle = (await required(resolve(io.cwd, bundleFile), 64 * 1024 * 1024)).subarray(0, MAX_BUNDLE_BYTES + 1)
  const files = await presentedFiles(args, serverFile)
  if (isDenial(files)) return files
  const verifier = await startVerifier(root, { deadlineMs: DEADLINE_MS })
  try {
    const verification = new Verification(verifier)
    return await (args.flag('review') ? review : server)(args, { verification, bundle, policies, files })
  } finally {
    await verifier.close()
  }
}

type Asked = {
  readonly verification: Verification
  readonly bundle: Buffer
  readonly policies: TrustPolicies
  readonly files: PresentedFiles
}

async function server(args: CommandArgs, { verification, bundle, policies, files }: Asked): Promise<Verdict> {
  const nowMs = args.io.now()
  const verified = await verification.server(bundle, { name: files.document.name, policies, nowMs })
  if (isDenial(verified)) return verified
  const { statement } = verified
  const registry = args.text('registry') ?? DEFAULT_REGISTRY
  return (
    whyNotSigned(statement, files.presented, registry) ??
    whyNotCurrent(statement, { nowMs, floor: floorOf(args) }) ?? { ...verified, files }
  )
}

async function review(args: CommandArgs, { verification, bundle, policies, files }: Asked): Promise<Verdict> {
  const { surface } = files.presented
  if (!surface) throw new UsageError('--review needs --surface: what was admitted is the surface the reviewer saw')
  const verified = await verification.review(bundle, { policies, nowMs: args.io.now() })
  if (isDenial(verified)) return verified
  return whyNotReviewed(verified.statement, { ...files.presented, surface }) ?? { ...verified, files }
}

function floorOf(args: CommandArgs): number {
  const text = args.text('floor')
  if (text === undefined) return 1
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError('--floor: expected an integer from 1')
  return Number(text)
}

function report({ io, json }: CommandArgs, verdict: Verdict): void {
  if (isDenial(verdict)) {
    if (json) io.out(`${JSON.stringify({ verified: false, ...verdict })}\n`)
    else io.err(denialText('refused', verdict))
    return
  }
  const { statement, signer, time, bundleDigest, payloadDigest } = verdict
  const signedAt = time && new Date(time.latestMs).toISOString()
  if (json) {
    const { server, subjects } = statement
    io.out(
      `${JSON.stringify({ verified: true, server, signer, ...(signedAt && { signedAt }), subjects, bundle: bundleDigest, statement: payloadDigest })}\n`,
    )
    return
  }
  const { server, subjects } = statement
  io.out(
    `verified: ${server.name} ${server.version}${'sequence' in server ? `, sequence ${server.sequence}` : ', as a reviewer admitted it'}\n`,
  )
  io.out(signer.kind === 'key' ? `  signer: key ${signer.hint}\n` : `  signer: ${signer.san}\n  issuer: ${signer.issuer}\n`)
  io.out(`  signed: ${signedAt ?? 'no trusted time'}\n`)
  io.out(`  covers: ${subjects.map(subject => subject.name).join(', ')}\n`)
  if ('notAfter' in statement) io.out(`  counts until ${statement.notAfter}\n`)
  if (verdict.files && !verdict.files.presented.surface) io.out('  not compared: the surface (--surface)\n')
}
