// Versions of servers: exact, immutable, and ordered for display alone. Which one may run is decided by sequence numbers and pins, never by this order.

/** SemVer 2.0.0, build metadata included; no leading zeros. */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*))?(?:\+[\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*)?$/
const MAX_VERSION = 255

/** Why a text is no version, as words; undefined = it is one. Ranges, wildcards and `latest` name no one version. */
export function versionProblem(text: string): string | undefined {
  if (text.length === 0 || text.length > MAX_VERSION) return `expected 1 to ${MAX_VERSION} characters`
  if (!/^[\x21-\x7e]+$/.test(text) || /[/\\?#%"'<>]/.test(text) || text === '.' || text === '..')
    return 'expected visible ASCII without slashes, quotes or signs of URLs'
  if (text.toLowerCase() === 'latest') return 'expected a version, not `latest`'
  if (/^[~^<>=]|\||,|^v?(?:\d+\.)*[xX*](?:\.[\dxX*]+)*$/.test(text)) return 'expected one version, not a range'
  return undefined
}

/**
 * A text whose byte order is the order of versions: SemVer 2.0.0 section 11, without build metadata; whatever is no SemVer comes before all that is. Equal
 * keys are of equal precedence: the later one published counts as the higher.
 */
export const orderKey = (version: string): string => semverKey(version) ?? '0'

/** The same for SemVer alone; undefined = it is none. */
export function semverKey(version: string): string | undefined {
  const [, major, minor, patch, pre] = SEMVER.exec(version) ?? []
  if (major === undefined || minor === undefined || patch === undefined) return undefined
  const core = [major, minor, patch].map(number).join('')
  // A release comes after all its pre-releases: C after A and B. A blank ends a field and comes before everything in one, so fewer fields come first.
  return `1${core}${pre === undefined ? 'C' : pre.split('.').map(field).join(' ')}`
}

/** Numbers of any length without leading zeros: how long, then the digits. Byte order is their order. */
export const number = (digits: string): string => String(digits.length).padStart(3, '0') + digits
const field = (text: string): string => (/^\d+$/.test(text) ? `A${number(text)}` : `B${text}`)
