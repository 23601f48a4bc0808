// `gatehouse server diff`: how a server starts and what it was seen to list, against what was admitted.

import { reviewLaunch } from '../../admission/launch.ts'
import { digestOfSurface } from '../../admission/pinned-surface.ts'
import { reviewSurface } from '../../admission/review.ts'
import { surfaceSeen } from '../../admission/seen-surface.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { diffServed, isServed } from './served.ts'
import { reviewedOf, serverOf } from './surfaces.ts'
import { admissionText, approvalOf, launchText, reviewText } from './words.ts'
import { suspects } from '../../pipeline/suspicions.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const server = await serverOf(args)
  if (typeof server === 'number') return server
  const { alias, settings } = server
  if (isServed(settings)) return diffServed(args, server, settings.transport)
  const { seen, admission, signature, definitions } = await reviewedOf(server)
  const passed = typeof admission === 'object' && admission.verdict === 'passed' ? admission : undefined
  const launch = reviewLaunch(settings.launch, passed)
  const isOther = launch.standing !== 'same'
  if (!seen) {
    if (args.json) io.out(`${JSON.stringify({ alias, seen: false, launch }, undefined, 2)}\n`)
    else
      io.out(
        `${alias}: ${admissionText(admission, signature)}\n${launchText(launch)}nothing else was seen of it: \`gatehouse server review ${alias}\` looks now\n`,
      )
    return isOther ? EXIT.failed : EXIT.ok
  }
  const review = reviewSurface(seen, passed?.surface, definitions, suspects)
  const surface = digestOfSurface(surfaceSeen(seen, passed?.surface.mode ?? 'subset'))
  if (args.json)
    io.out(
      `${JSON.stringify({ alias, seen: true, surface, admitted: passed?.surfaceDigest, launch, isCut: seen.isCut, ...review }, undefined, 2)}\n`,
    )
  else {
    io.out(`${alias}: ${admissionText(admission, signature)}\n${launchText(launch)}${reviewText(review)}`)
    if (seen.isCut) io.out('more was listed than is kept for review\n')
    if (review.findings.length > 0 || isOther) io.out(`to admit exactly this: ${approvalOf(alias, surface, launch.digest)}\n`)
  }
  return review.findings.length > 0 || isOther ? EXIT.failed : EXIT.ok
}
