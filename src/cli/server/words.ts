// A review in words for terminals. Everything a server wrote is inert already (admission/review.ts).

import type { LaunchReview } from '../../admission/launch.ts'
import type { Finding, SurfaceReview } from '../../admission/review.ts'
import type { Admission } from '../../admission/statement.ts'
import { inertText, type ShownChange } from '../../admission/inert-text.ts'
import type { Signature } from './surfaces.ts'

export const KIND_WORDS: Readonly<Record<Finding['kind'], string>> = {
  tool: 'tool',
  prompt: 'prompt',
  resource: 'resource',
  resourceTemplate: 'resource template',
  instructions: 'instructions',
}

/** Said wherever such a reviewer is met. */
export const EVALUATION_NOTE = 'signed by an evaluation key that lies on this machine: whoever can read your files can admit servers'

const SIGNATURES: Readonly<Record<Signature, string>> = { signed: 'signed', evaluation: EVALUATION_NOTE, unsigned: 'unsigned' }

/** Who admitted or refused a server; `undefined`: nobody. */
export function admissionText(admission: Admission | string | undefined, signature: Signature): string {
  if (admission === undefined) return 'nobody has reviewed it'
  if (typeof admission === 'string') return `its admission ${admission}`
  const { verdict, reviewer, reviewedAt, why } = admission
  const reason = why === undefined ? '' : `: ${inertText(why)}`
  return `${verdict === 'passed' ? 'admitted' : 'refused'} by ${inertText(reviewer)} at ${reviewedAt}${reason} (${SIGNATURES[signature]})`
}

export function reviewText(review: SurfaceReview): string {
  const { findings, missing, same } = review
  const gone = missing.map(({ kind, name }) => `not seen now: ${KIND_WORDS[kind]} \`${name}\`\n`)
  return [
    ...findings.map(findingText),
    ...gone,
    `${same} as admitted, ${findings.length} to review, ${missing.length} not seen now\n`,
  ].join('')
}

const LAUNCHES: Readonly<Record<LaunchReview['standing'], string>> = {
  same: 'it starts as it was admitted',
  changed: 'how it starts was changed since it was admitted, so nothing is started',
  new: 'how it starts was not admitted, so nothing is started',
}

export const launchText = ({ standing, changes, unpinned }: LaunchReview): string =>
  [`${LAUNCHES[standing]}\n`, ...changes.map(changeText), ...(unpinned === undefined ? [] : [`${unpinnedText(unpinned)}\n`])].join('')

/** Why it cannot be admitted, and what to do. */
export const unpinnedText = (unpinned: string): string =>
  `it cannot be admitted as it is: \`${unpinned}\` names no exact version or digest, so what is reviewed is not what runs; write \`package@1.2.3\`, \`package==1.2.3\` or \`image@sha256:…\``

function findingText({ kind, name, standing, class: of, codes, changes, more, others }: Finding): string {
  const what = `${of}: ${KIND_WORDS[kind]}${name === '' ? '' : ` \`${name}\``} ${standing}: ${codes.join(', ')}`
  return [
    `${what}\n`,
    ...changes.map(changeText),
    ...(more > 0 ? [`    and ${more} more differences\n`] : []),
    ...(others > 0 ? [`    ${others} other definitions of this name were seen as well\n`] : []),
  ].join('')
}

/** The command that admits what was looked at, and nothing else. */
export const approvalOf = (alias: string, surface: string, launch: string): string =>
  `gatehouse server approve ${alias} --surface ${surface} --launch ${launch}`

const changeText = ({ pointer, before, after }: ShownChange): string =>
  [
    `    ${pointer === '' ? 'the whole' : pointer}\n`,
    ...(before === undefined ? [] : [`      - ${before}\n`]),
    ...(after === undefined ? [] : [`      + ${after}\n`]),
  ].join('')
