// Ecosystems that advisories speak of, as far as artifacts of servers come from them: how packages are named there, and how their versions are ordered.

import { number, semverKey } from '../versions.ts'

/** npm, PyPI and NuGet as OSV names them. OCI: repositories of images. MCP: servers by their registry name; OSV has no ecosystem for either. */
const ECOSYSTEMS = ['npm', 'PyPI', 'NuGet', 'OCI', 'MCP'] as const
export type Ecosystem = (typeof ECOSYSTEMS)[number]

type Rules = {
  /** equal for names of one package */
  readonly nameKey: (name: string) => string
  /** byte order = order of versions; equal = of equal precedence; undefined = it has no place in this order */
  readonly versionKey: (version: string) => string | undefined
}

const RULES: Readonly<Record<Ecosystem, Rules>> = {
  npm: { nameKey: name => name, versionKey: semverKey },
  // PEP 503: case, and which of `-` `_` `.` and how many of them, make no difference.
  PyPI: { nameKey: name => name.toLowerCase().replace(/[-_.]+/g, '-'), versionKey: pep440Key },
  NuGet: { nameKey: name => name.toLowerCase(), versionKey: nugetKey },
  // Tags and digests have no order.
  OCI: { nameKey: name => name.toLowerCase(), versionKey: () => undefined },
  MCP: { nameKey: name => name.toLowerCase(), versionKey: semverKey },
}

export const nameKey = (ecosystem: Ecosystem, name: string): string => RULES[ecosystem].nameKey(name)
export const versionKey = (ecosystem: Ecosystem, version: string): string | undefined => RULES[ecosystem].versionKey(version)

/** An ecosystem as a document writes it, `npm` or `PyPI:anything`; undefined = no artifact of a server comes from it. */
export const ecosystemOf = (text: string): Ecosystem | undefined => ECOSYSTEMS.find(known => known === text.split(':', 1)[0])

const MAX_VERSION = 255
const PEP440 =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d+)?)?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d+)?)?(?:[-_.]?(dev)[-_.]?(\d+)?)?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/i

/**
 * PEP 440. A blank ends what is of any length and comes before everything in it. Of a release: its developmental releases come first, then pre-releases, then
 * itself, then post-releases; local versions follow the one they are of.
 */
function pep440Key(version: string): string | undefined {
  const found = version.length > MAX_VERSION ? null : PEP440.exec(version)
  if (!found) return undefined
  const [, epoch = '0', release = '', phase, phaseNumber, bare, post, postNumber, dev, devNumber, local] = found
  const isPost = bare !== undefined || post !== undefined
  const stages = [
    phase === undefined
      ? dev !== undefined && !isPost
        ? 'A'
        : 'E'
      : `${PHASES[phase.charAt(0).toLowerCase()] ?? 'D'}${digitsKey(phaseNumber)}`,
    isPost ? `B${digitsKey(bare ?? postNumber)}` : 'A',
    dev === undefined ? 'B' : `A${digitsKey(devNumber)}`,
  ]
  return `${digitsKey(epoch)}${releaseKey(release)} ${stages.join('')}${localKey(local)}`
}
/** 1.0 and 1.0.0 are one release. */
const releaseKey = (release: string): string =>
  release
    .replace(/(?:\.0+)+$/, '')
    .split('.')
    .map(part => digitsKey(part))
    .join('')
const localKey = (local: string | undefined): string =>
  local === undefined ? '' : ` ${local.toLowerCase().split(/[-_.]/).map(segment).join('')}`
/** By first letter: alpha, beta; the rest are release candidates by other names. */
const PHASES: Readonly<Record<string, string>> = { a: 'B', b: 'C' }
const segment = (text: string): string => (/^\d+$/.test(text) ? `B${digitsKey(text)} ` : `A${text} `)
const digitsKey = (text = '0'): string => number(text.replace(/^0+(?=\d)/, ''))

/** SemVer of two to four numbers; names of pre-releases without regard to case. */
function nugetKey(version: string): string | undefined {
  const [, major = '', minor = '0', patch = '0', revision = '0', pre] =
    (version.length > MAX_VERSION ? null : /^(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?(-[0-9a-z.-]+)?(?:\+[0-9a-z.-]+)?$/i.exec(version)) ??
    []
  if (major === '') return undefined
  const tail = semverKey(`0.0.0${(pre ?? '').toLowerCase()}`)
  return tail === undefined ? undefined : `${[major, minor, patch, revision].map(part => digitsKey(part)).join('')}${tail}`
}
