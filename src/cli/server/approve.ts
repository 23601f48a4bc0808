// `gatehouse server approve` and `quarantine`: a reviewer's decision as a statement in the folder of admissions.

import { mkdir, rm } from 'node:fs/promises'
import { signatureFile, statementFile } from '../../adapters/admission/admission-folder.ts'
import { definitionsFile } from '../../adapters/admission/definitions-file.ts'
import { whyNotSigned } from '../../adapters/admission/reviewer-signature.ts'
import { readReviewers } from '../../adapters/admission/reviewers.ts'
import { inertText } from '../../admission/inert-text.ts'
import { reviewLaunch } from '../../admission/launch.ts'
import { digestOfSurface, SURFACE_MODES, type PinnedSurface, type SurfaceMode } from '../../admission/pinned-surface.ts'
import { reviewSurface } from '../../admission/review.ts'
import { emptySeen, seenText, surfaceSeen, type SeenSurface } from '../../admission/seen-surface.ts'
import { MAX_REVIEWER, MAX_WHY, statementOf, type Review } from '../../admission/statement.ts'
import type { Snapshot } from '../../config/schema.ts'
import { EXIT, type CommandArgs, type CommandModule } from '../command.ts'
import { shortName } from '../config-check.ts'
import { writeAtomic } from '../files.ts'
import { isServed } from './served.ts'
import { evaluationKeyFile, hasEvaluationKey } from './evaluation-key.ts'
import { reviewedOf, serverOf, type Server } from './surfaces.ts'
import { approvalOf, EVALUATION_NOTE, launchText, reviewText, unpinnedText } from './words.ts'
import { suspects } from '../../pipeline/suspicions.ts'
import { UsageError } from '../usage.ts'

/** Statements hold no secret, and are committed: everybody may read them. */
const READABLE = 0o644
const MIN_PREFIX = 12
/** How far clocks of reviewers may be apart. */
const MAX_AHEAD_MS = 60_000

export const approve: CommandModule = {
  async run(args) {
    const server = await serverOf(args)
    if (typeof server === 'number') return server
    const { alias, snapshot, settings } = server
    if (isServed(settings)) return conflict(args, notHere(alias))
    const { launch } = settings
    const mode = args.text('mode') ?? 'subset'
    if (!isMode(mode)) return usage(args, `expected --mode ${SURFACE_MODES.join(' or ')}`)
    if (launch.unpinned !== undefined) return conflict(args, `\`${alias}\`: ${unpinnedText(inertText(launch.unpinned))}`)
    const named = await namedOf(args, server, mode)
    if (typeof named === 'number') return named
    const { surface, seen, lastAt } = named
    const review = reviewBy(
      args,
      { alias, verdict: 'passed', surface, launch: launch.specification },
      { lastAt, reviewers: snapshot.reviewers },
    )
    if (typeof review === 'string') return usage(args, review)
    const signature = await signatureOf(args, snapshot, review)
    if (typeof signature === 'string') return usage(args, signature)
    await mkdir(snapshot.admissions, { recursive: true })
    // The definitions first: a statement without them is in force all the same, only its diffs say less.
    await writeAtomic(definitionsFile(snapshot.admissions, alias), seenText(seen), READABLE)
    return write(args, server, { review, signature })
  },
}

/** What the command line names, where it is what is there; a number is the exit code after showing what is there. */
async function namedOf(
  args: CommandArgs,
  server: Server,
  mode: SurfaceMode,
): Promise<{ readonly surface: PinnedSurface; readonly seen: SeenSurface; readonly lastAt: string | undefined } | number> {
  const { io } = args
  const { alias, settings } = server
  const { launch } = settings
  const { seen, admission, definitions, lastAt } = await reviewedOf(server)
  if (seen?.isCut === true) return conflict(args, `\`${alias}\` lists more than is kept for review: it cannot be admitted whole`)
  const wanted = { surface: args.text('surface'), launch: args.text('launch') }
  const isLaunchNamed = isNamed(wanted.launch, launch.digest)
  // Where nothing was seen, how it starts can be admitted: it is started then, and all it lists is held.
  if (!seen && (wanted.surface !== undefined || !isLaunchNamed)) {
    io.err(launchText(reviewLaunch(launch, undefined)))
    return conflict(
      args,
      `nothing was seen of \`${alias}\` yet: \`gatehouse server review ${alias}\` looks now\nto admit only how it starts, and nothing it lists: gatehouse server approve ${alias} --launch ${launch.digest}`,
    )
  }
  const surface = surfaceSeen(seen ?? emptySeen(alias), mode)
  const digest = digestOfSurface(surface)
  // What is admitted is what was looked at: the server may have listed something else since, or be configured otherwise.
  if (seen && (!isNamed(wanted.surface, digest) || !isLaunchNamed)) {
    const passed = typeof admission === 'object' && admission.verdict === 'passed' ? admission : undefined
    io.err(launchText(reviewLaunch(launch, passed)) + reviewText(reviewSurface(seen, passed?.surface, definitions, suspects)))
    const isNone = wanted.surface === undefined || wanted.launch === undefined
    return conflict(
      args,
      `${isNone ? 'nothing was admitted' : 'this is not what was named; nothing was admitted'}\nto admit exactly this: ${approvalOf(alias, digest, launch.digest)}`,
    )
  }
  return { surface, seen: seen ?? emptySeen(alias), lastAt }
}

/** Needs no signature: what nobody signed stops a server as well. Signed it cannot be undone by whoever puts the decision before it back. */
export const quarantine: CommandModule = {
  async run(args) {
    const server = await serverOf(args)
    if (typeof server === 'number') return server
    const { alias, snapshot, settings } = server
    if (isServed(settings)) return conflict(args, notHere(alias))
    if (args.text('why') === undefined) return usage(args, 'expected --why')
    const { admission, lastAt } = await reviewedOf(server)
    const surface = typeof admission === 'object' ? admission.surface : surfaceSeen(emptySeen(alias), 'subset')
    const review = reviewBy(
      args,
      { alias, verdict: 'failed', surface, launch: settings.launch.specification },
      { lastAt, reviewers: snapshot.reviewers },
    )
    if (typeof review === 'string') return usage(args, review)
    const signature = hasSigner(args) ? await signatureOf(args, snapshot, review) : undefined
    if (typeof signature === 'string') return usage(args, signature)
    await mkdir(snapshot.admissions, { recursive: true })
    return write(args, server, { review, signature })
  },
}

const notHere = (alias: string): string =>
  `\`${alias}\` is a version of the registry: \`gatehouse sign review\` and \`gatehouse registry attest\` admit it, \`gatehouse registry revoke\` and \`gatehouse block server\` stop it`

const hasSigner = (args: CommandArgs): boolean =>
  (['key', 'key-command', 'fulcio'] as const).some(option => args.text(option) !== undefined)

/** The bundle, where it says with what; a text says why there has to be one, or why this one would not count. */
async function signatureOf(args: CommandArgs, { file, reviewers }: Snapshot, review: Review): Promise<Buffer | string | undefined> {
  const own = hasSigner(args) ? undefined : await evaluationSigner(args, { file, reviewers }, review.reviewer)
  if (!hasSigner(args) && !own)
    return reviewers.size === 0
      ? undefined
      : 'expected --key, --key-command or --fulcio: the configuration names `reviewers`, so a decision counts only signed'
  const statement = Buffer.from(statementOf(review))
  const { signPayload } = await import('../../adapters/sigstore/sign.ts')
  const { signerOf } = await import('../signing/signer.ts')
  try {
    const { signer, witnesses } = own ?? (await signerOf(args))
    const { bundle } = await signPayload(statement, signer, witnesses)
    const known = readReviewers(reviewers)
    const refused = known && (await whyNotSigned(known, { ...review, statement, bundle }))
    await known?.close()
    return refused === undefined ? bundle : `this would not count: it ${refused.why}`
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
}

/** The key that `gatehouse init` made on this machine, for its own reviewer alone. */
async function evaluationSigner({ io }: CommandArgs, { file, reviewers }: Pick<Snapshot, 'file' | 'reviewers'>, name: string) {
  const reviewer = reviewers.get(name)
  if (reviewer?.kind !== 'key' || !reviewer.isEvaluation || !(await hasEvaluationKey(io, file))) return undefined
  io.err(`${EVALUATION_NOTE}\n`)
  return { signer: { kind: 'file', file: evaluationKeyFile(io, file) }, witnesses: {} } as const
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
  const launch = settings.launch.digest
  if (args.json) io.out(`${JSON.stringify({ alias, verdict: review.verdict, surface, launch, file }, undefined, 2)}\n`)
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

/** `lastAt`: of the decision before; a gateway takes no signed one that is not later. */
function reviewBy(
  args: CommandArgs,
  decided: Pick<Review, 'alias' | 'verdict' | 'surface' | 'launch'>,
  { lastAt, reviewers }: { readonly lastAt: string | undefined; readonly reviewers: Snapshot['reviewers'] },
): Review | string {
  const reviewer = args.text('reviewer') ?? onlyOne(reviewers) ?? args.io.userName
  const why = args.text('why')
  if (reviewer === '' || reviewer.length > MAX_REVIEWER || !reviewer.isWellFormed())
    return `expected a reviewer of at most ${MAX_REVIEWER} characters`
  if (why !== undefined && (why.length > MAX_WHY || !why.isWellFormed())) return `expected --why of at most ${MAX_WHY} characters`
  const now = args.io.now()
  const last = lastAt === undefined ? 0 : Date.parse(lastAt)
  if (last > now + MAX_AHEAD_MS)
    return `the last decision about it is of ${lastAt ?? ''}, which lies in the future: set the clock of this machine, or of whoever made it`
  return { ...decided, reviewer, reviewedAt: new Date(Math.max(now, last + 1)).toISOString(), ...(why !== undefined && { why }) }
}

/** Where the configuration names one reviewer, it is that one. */
const onlyOne = (reviewers: Snapshot['reviewers']): string | undefined => (reviewers.size === 1 ? [...reviewers.keys()][0] : undefined)

const count = ({ primitives }: PinnedSurface): number => Object.values(primitives).reduce((sum, { size }) => sum + size, 0)
/** A prefix of a digest that nobody meets by chance. */
const isNamed = (wanted: string | undefined, digest: string): boolean =>
  wanted !== undefined && wanted.length >= MIN_PREFIX && digest.startsWith(wanted)
const isMode = (text: string): text is SurfaceMode => (SURFACE_MODES as readonly string[]).includes(text)

function conflict({ io }: CommandArgs, problem: string): number {
  io.err(`${problem}\n`)
  return EXIT.conflict
}

function usage({ io }: CommandArgs, problem: string): number {
  io.err(`${problem}\n`)
  return EXIT.usage
}
