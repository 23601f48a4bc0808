// `gatehouse server approve` and `quarantine`: a reviewer's decision as a statement in the folder of admissions.

import { mkdir, rm } from 'node:fs/promises'
import { signatureFile, statementFile } from '../../adapters/admission/admission-folder.ts'
import { readReviewerKeys, whyNotSigned } from '../../adapters/admission/reviewer-signature.ts'
import { digestOfSurface, SURFACE_MODES, type PinnedSurface, type SurfaceMode } from '../../admission/pinned-surface.ts'
import { reviewSurface } from '../../admission/review.ts'
import { emptySeen, seenText, surfaceSeen } from '../../admission/seen-surface.ts'
import { MAX_REVIEWER, MAX_WHY, statementOf, type Review } from '../../admission/statement.ts'
import type { Snapshot } from '../../config/schema.ts'
import { EXIT, type CommandArgs, type CommandModule } from '../command.ts'
import { shortName } from '../config-check.ts'
import { writeAtomic } from '../files.ts'
import { definitionsFile, reviewedOf, serverOf, type Server } from './surfaces.ts'
import { reviewText } from './words.ts'

/** Statements hold no secret, and are committed: everybody may read them. */
const READABLE = 0o644
const MIN_PREFIX = 12

export const approve: CommandModule = {
  async run(args) {
    const { io } = args
    const server = await serverOf(args)
    if (typeof server === 'number') return server
    const { alias, snapshot } = server
    const mode = args.text('mode') ?? 'subset'
    if (!isMode(mode)) return usage(args, `expected --mode ${SURFACE_MODES.join(' or ')}`)
    const { seen, admission, definitions } = await reviewedOf(server)
    if (!seen) {
      io.err(
        `nothing was seen of \`${alias}\` yet: \`gatehouse server review ${alias}\` looks now, or let a host list it through the gateway\n`,
      )
      return EXIT.conflict
    }
    if (seen.isCut) {
      io.err(`\`${alias}\` lists more than is kept for review: it cannot be admitted whole\n`)
      return EXIT.conflict
    }
    const surface = surfaceSeen(seen, mode)
    const digest = digestOfSurface(surface)
    const wanted = args.text('surface')
    // What is admitted is what was looked at: the server may have listed something else since.
    if (wanted === undefined || wanted.length < MIN_PREFIX || !digest.startsWith(wanted)) {
      const passed = typeof admission === 'object' && admission.verdict === 'passed' ? admission.surface : undefined
      io.err(reviewText(reviewSurface(seen, passed, definitions)))
      io.err(
        `${wanted === undefined ? 'nothing was admitted' : 'this is not the surface that was named; nothing was admitted'}\nto admit exactly this: gatehouse server approve ${alias} --surface ${digest}\n`,
      )
      return EXIT.conflict
    }
    const review = reviewBy(args, { alias, verdict: 'passed', surface })
    if (typeof review === 'string') return usage(args, review)
    const signature = await signatureOf(args, snapshot, review)
    if (typeof signature === 'string') return usage(args, signature)
    await mkdir(snapshot.admissions, { recursive: true })
    // The definitions first: a statement without them is in force all the same, only its diffs say less.
    await writeAtomic(definitionsFile(snapshot.admissions, alias), seenText(seen), READABLE)
    return write(args, server, { review, signature })
  },
}

/** Needs no signature: what nobody signed stops a server as well. */
export const quarantine: CommandModule = {
  async run(args) {
    const server = await serverOf(args)
    if (typeof server === 'number') return server
    if (args.text('why') === undefined) return usage(args, 'expected --why')
    const { admission } = await reviewedOf(server)
    const surface = typeof admission === 'object' ? admission.surface : surfaceSeen(emptySeen(server.alias), 'subset')
    const review = reviewBy(args, { alias: server.alias, verdict: 'failed', surface })
    if (typeof review === 'string') return usage(args, review)
    await mkdir(server.snapshot.admissions, { recursive: true })
    return write(args, server, { review })
  },
}

/** The bundle, where a key is given; a text says why there has to be one, or why this one would not count. */
async function signatureOf(args: CommandArgs, { reviewers }: Snapshot, review: Review): Promise<Buffer | string | undefined> {
  const known = readReviewerKeys(reviewers)
  if (args.text('key') === undefined && args.text('key-command') === undefined)
    return known && 'expected --key or --key-command: the configuration names `reviewers`, so a decision counts only signed'
  const statement = Buffer.from(statementOf(review))
  const { signPayload } = await import('../../adapters/sigstore/sign.ts')
  const { signerOf } = await import('../signing/signer.ts')
  const { signer, witnesses } = await signerOf(args)
  const { bundle } = await signPayload(statement, signer, witnesses)
  const why = known && whyNotSigned(known, { reviewer: review.reviewer, statement, bundle })
  return why === undefined ? bundle : `this would not count: it ${why}`
}

type Decided = { readonly review: Review; readonly signature?: Buffer | undefined }

async function write(args: CommandArgs, { alias, snapshot, settings }: Server, { review, signature }: Decided): Promise<number> {
  const { io } = args
  const file = statementFile(snapshot.admissions, alias)
  const signed = signatureFile(snapshot.admissions, alias)
  if (signature) await writeAtomic(signed, signature, READABLE)
  else await rm(signed, { force: true })
  await writeAtomic(file, statementOf(review), READABLE)
  const surface = digestOfSurface(review.surface)
  if (args.json) io.out(`${JSON.stringify({ alias, verdict: review.verdict, surface, file }, undefined, 2)}\n`)
  else
    io.out(
      `${alias}: ${review.verdict === 'passed' ? `admitted ${count(review.surface)} definitions` : 'in quarantine'} (${shortName(file, io.cwd)}); a running gateway goes by it within seconds\n`,
    )
  if (!signature && review.verdict === 'passed')
    io.err('the statement is not signed: whoever can write into this folder can admit servers\n')
  if (settings.admission === 'configured')
    io.err(`the configuration admits \`${alias}\` by itself: say \`admission: required\`, or this decides nothing\n`)
  return EXIT.ok
}

function reviewBy(args: CommandArgs, decided: Pick<Review, 'alias' | 'verdict' | 'surface'>): Review | string {
  const reviewer = args.text('reviewer') ?? args.io.userName
  const why = args.text('why')
  if (reviewer === '' || reviewer.length > MAX_REVIEWER || !reviewer.isWellFormed())
    return `expected a reviewer of at most ${MAX_REVIEWER} characters`
  if (why !== undefined && (why.length > MAX_WHY || !why.isWellFormed())) return `expected --why of at most ${MAX_WHY} characters`
  return { ...decided, reviewer, reviewedAt: new Date(args.io.now()).toISOString(), ...(why !== undefined && { why }) }
}

const count = ({ primitives }: PinnedSurface): number => Object.values(primitives).reduce((sum, { size }) => sum + size, 0)
const isMode = (text: string): text is SurfaceMode => (SURFACE_MODES as readonly string[]).includes(text)

function usage({ io }: CommandArgs, problem: string): number {
  io.err(`${problem}\n`)
  return EXIT.usage
}
