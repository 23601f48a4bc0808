// Paths against roots, segment by segment, without touching a disk (N135, N136). What could be read in two ways is refused. Symbolic links cannot be seen from here.

import { hasHidden, hasLookAlike } from './signs.ts'

/** `origin`: '' of an absolute path, `.` of one that starts where its server runs, else what stands in front of a URI's path. */
export type Place = { readonly origin: string; readonly segments: readonly string[] }
export type PathProblem = { readonly problem: string }

/** Longest path. */
const MAX_LENGTH = 8192
const MAX_SEGMENTS = 256

/** Read as a variable, a home, a pattern, a pipe or a quotation by shells, and refused in names by Windows. */
const EXPANDED = /[$`*?{}<>|"]/
/** Devices of Windows, with any extension, and the streams of its files. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i
const URI = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#\\@]*)(\/[^?#]*)?(.*)$/s
/** What may not be written encoded: it would be a separator, a dot, an end, or another layer of encoding. */
const ENCODED = /%(?:2e|2f|5c|25|3a|00|[01][0-9a-f]|7f)/i

/** A path, or a URI as `scheme://host/path`. attacker-controlled. */
export function placeOf(text: string): Place | PathProblem {
  if (text === '') return { problem: 'is empty' }
  if (text.length > MAX_LENGTH) return { problem: `is longer than ${MAX_LENGTH} characters` }
  if (hasHidden(text)) return { problem: 'has control or invisible characters' }
  if (hasLookAlike(text)) return { problem: 'has characters that look like separators or dots' }
  if (text.includes('\\')) return { problem: 'has a backslash' }
  const uri = URI.exec(text)
  if (uri) return placeOfUri(uri)
  if (text.includes(':')) return { problem: 'has a colon: a drive, a stream, or a URI in a form that is not judged' }
  if (text.includes('%')) return { problem: 'has a percent sign: encoded, or a variable' }
  if (text.startsWith('~')) return { problem: 'starts at somebody’s home' }
  if (text.startsWith('//')) return { problem: 'starts with two slashes: a share or a host' }
  return segmentsOf(text.startsWith('/') ? '' : '.', text)
}

function placeOfUri([, scheme = '', host = '', path = '', rest = '']: RegExpExecArray): Place | PathProblem {
  const origin = `${scheme.toLowerCase()}://${host.toLowerCase()}`
  if (origin.startsWith('file://') && (host !== '' || rest !== '')) return { problem: 'is a file URI with a host, a query or a fragment' }
  if (host.includes('%') || /[^\0-\x7f]/u.test(host)) return { problem: 'has a host that is not written in ASCII' }
  if (ENCODED.test(path)) return { problem: 'has encoded separators, dots or percent signs' }
  const decoded = decodedPath(path)
  if (decoded === undefined) return { problem: 'is not encoded correctly' }
  if (hasHidden(decoded) || hasLookAlike(decoded)) return { problem: 'has encoded characters that are read as something else' }
  if (path.startsWith('//')) return { problem: 'starts with two slashes: a share or a host' }
  return segmentsOf(origin, decoded)
}
function decodedPath(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

function segmentsOf(origin: string, path: string): Place | PathProblem {
  if (EXPANDED.test(path)) return { problem: 'has signs that are expanded' }
  const segments = path.split('/').filter(segment => segment !== '' && segment !== '.')
  if (segments.length > MAX_SEGMENTS) return { problem: `has more than ${MAX_SEGMENTS} segments` }
  for (const segment of segments) {
    if (segment === '..') return { problem: 'climbs: it has a segment `..`' }
    if (segment.endsWith('.') || segment.endsWith(' ')) return { problem: 'has a segment that ends with a dot or a space' }
    if (segment.includes(':') && origin !== '' && origin !== '.') return { problem: 'has a colon: a drive or a stream' }
    if (DEVICE.test(segment)) return { problem: 'names a device' }
  }
  return { origin, segments }
}

export const isPlace = (found: Place | PathProblem): found is Place => 'segments' in found

/** Whole segments are compared: `/srv/data` does not permit `/srv/data-evil`. */
export const isUnder = (place: Place, root: Place): boolean =>
  place.origin === root.origin && root.segments.every((segment, i) => place.segments[i] === segment)
