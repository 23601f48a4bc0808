// A review in words for terminals. Everything a server wrote is inert already (admission/review.ts).

import type { Finding, ShownChange, SurfaceReview } from '../../admission/review.ts'
import type { Admission } from '../../admission/statement.ts'
import { inertText } from '../../admission/inert-text.ts'

const KINDS: Readonly<Record<Finding['kind'], string>> = {
  tool: 'tool',
  prompt: 'prompt',
  resource: 'resource',
  resourceTemplate: 'resource template',
  instructions: 'instructions',
}

/** Who admitted or refused a server; `undefined`: nobody. */
export function admissionText(admission: Admission | string | undefined, isSigned: boolean | undefined): string {
  if (admission === undefined) return 'nobody has reviewed it'
  if (typeof admission === 'string') return `its admission ${admission}`
  const { verdict, reviewer, reviewedAt, why } = admission
  const reason = why === undefined ? '' : `: ${inertText(why)}`
  return `${verdict === 'passed' ? 'admitted' : 'refused'} by ${inertText(reviewer)} at ${reviewedAt}${reason} (${isSigned ? 'signed' : 'unsigned'})`
}

export function reviewText(review: SurfaceReview): string {
  const { findings, missing, same } = review
  const gone = missing.map(({ kind, name }) => `not seen now: ${KINDS[kind]} \`${name}\`\n`)
  return [
    ...findings.map(findingText),
    ...gone,
    `${same} as admitted, ${findings.length} to review, ${missing.length} not seen now\n`,
  ].join('')
}

function findingText({ kind, name, standing, class: of, codes, changes, more, others }: Finding): string {
  const what = `${of}: ${KINDS[kind]}${name === '' ? '' : ` \`${name}\``} ${standing}: ${codes.join(', ')}`
  return [
    `${what}\n`,
    ...changes.map(changeText),
    ...(more > 0 ? [`    and ${more} more differences\n`] : []),
    ...(others > 0 ? [`    ${others} other definitions of this name were seen as well\n`] : []),
  ].join('')
}

const changeText = ({ pointer, before, after }: ShownChange): string =>
  [
    `    ${pointer === '' ? 'the whole' : pointer}\n`,
    ...(before === undefined ? [] : [`      - ${before}\n`]),
    ...(after === undefined ? [] : [`      + ${after}\n`]),
  ].join('')
