// `gatehouse server diff`: what a server was seen to list, against what was admitted.

import { digestOfSurface } from '../../admission/pinned-surface.ts'
import { reviewSurface } from '../../admission/review.ts'
import { surfaceSeen } from '../../admission/seen-surface.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { reviewedOf, serverOf } from './surfaces.ts'
import { admissionText, reviewText } from './words.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const server = await serverOf(args)
  if (typeof server === 'number') return server
  const { alias } = server
  const { seen, admission, isSigned, definitions } = await reviewedOf(server)
  if (!seen) {
    if (args.json) io.out(`${JSON.stringify({ alias, seen: false }, undefined, 2)}\n`)
    else
      io.out(
        `${alias}: ${admissionText(admission, isSigned)}\nnothing else was seen of it: \`gatehouse server review ${alias}\` looks now\n`,
      )
    return EXIT.ok
  }
  const passed = typeof admission === 'object' && admission.verdict === 'passed' ? admission : undefined
  const review = reviewSurface(seen, passed?.surface, definitions)
  const surface = digestOfSurface(surfaceSeen(seen, passed?.surface.mode ?? 'subset'))
  if (args.json)
    io.out(
      `${JSON.stringify({ alias, seen: true, surface, admitted: passed?.surfaceDigest, isCut: seen.isCut, ...review }, undefined, 2)}\n`,
    )
  else {
    io.out(`${alias}: ${admissionText(admission, isSigned)}\n${reviewText(review)}`)
    if (seen.isCut) io.out('more was listed than is kept for review\n')
    if (review.findings.length > 0) io.out(`to admit exactly this: gatehouse server approve ${alias} --surface ${surface}\n`)
  }
  return review.findings.length > 0 ? EXIT.failed : EXIT.ok
}
