// Reads a tar archive as npm packs them (POSIX ustar with pax headers, GNU long names), strictly: files and folders, or nothing.

import { shown } from '../../trust/denial.ts'
import { namesOf, Places, type ArchiveEntry } from './entries.ts'
import { refused } from './refusal.ts'

const BLOCK = 512
const MAX_HEADER = 64 * 1024

type TarLimits = { readonly entries: number; readonly depth: number }

/**
 * The entries of an archive, in its order, without their first folder (`package/`), which every packer calls as it likes. Links, devices, sparse files and
 * everything else that is no file and no folder are refused, and so is what follows the end. Throws Refusal. `archive` is not copied.
 */
export function readTar(archive: Buffer, limits: TarLimits): readonly ArchiveEntry[] {
  const entries: ArchiveEntry[] = []
  const places = new Places(limits)
  let ahead: Ahead = {}
  let at = 0
  for (;;) {
    const header = archive.subarray(at, at + BLOCK)
    if (header.length < BLOCK) throw invalid('it ends before its end is marked')
    if (isZero(header)) break
    const { type, size } = headerOf(header)
    const body = archive.subarray(at + BLOCK, at + BLOCK + size)
    if (body.length < size) throw invalid('a file is cut')
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    if (type === 'x' || type === 'g' || type === 'L') {
      ahead = joined(ahead, type === 'L' ? { name: untilNul(bounded(body)) } : paxHeader(bounded(body), type === 'g'))
      continue
    }
    if (ahead.size !== undefined && ahead.size !== size) throw invalid('a file has two sizes')
    const entry = entryOf(header, { type, body, raw: ahead.name ?? nameIn(header) })
    ahead = {}
    if (!entry) continue
    places.add(entry.path.split('/'), entry.kind)
    entries.push(entry)
  }
  if (ahead.name || ahead.size !== undefined) throw invalid('a header without an entry')
  if (!isZero(archive.subarray(at))) throw invalid('something follows its end')
  return entries
}

/** What headers said of the entry that follows them. */
type Ahead = { readonly name?: Buffer; readonly size?: number }

function joined(before: Ahead, more: Ahead): Ahead {
  if ((before.name && more.name) || (before.size !== undefined && more.size !== undefined)) throw invalid('two headers for one entry')
  return { ...before, ...more }
}

function headerOf(header: Buffer): { readonly type: string; readonly size: number } {
  let sum = 8 * 0x20
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0
  if (octal(header, 148, 8) !== sum) throw invalid('a header has another checksum than it says')
  const type = String.fromCharCode(header[156] ?? 0)
  return { type, size: octal(header, 124, 12) }
}

/** Undefined for the first folder itself. */
function entryOf(
  header: Buffer,
  { type, body, raw }: { readonly type: string; readonly body: Buffer; readonly raw: Buffer },
): ArchiveEntry | undefined {
  const [, ...names] = namesOf(raw)
  const path = names.join('/')
  // before POSIX, a folder was a file whose name ends so
  const isFolder = type === '5' || ((type === '0' || type === '\0') && raw.at(-1) === 0x2f)
  if (isFolder) {
    if (body.length > 0) throw invalid('a folder has content')
    return names.length === 0 ? undefined : { kind: 'folder', path }
  }
  if (type !== '0' && type !== '\0') throw refused('archive-entry', `${shown(path)} is no file and no folder (type ${shown(type)})`)
  if (names.length === 0) throw refused('archive-entry', 'a file stands beside the folder that holds everything')
  const isExecutable = (octal(header, 100, 8) & 0o111) !== 0
  return { kind: 'file', path, isExecutable, bytes: () => body }
}

function nameIn(header: Buffer): Buffer {
  const name = untilNul(header.subarray(0, 100))
  // GNU writes `ustar` and two spaces, and times where POSIX has a prefix
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isPosix ? untilNul(header.subarray(345, 500)) : EMPTY
  return prefix.length === 0 ? name : Buffer.concat([prefix, SLASH, name])
}

/** Name and size, where a pax header says them; times and owners do not count, and what would change anything else is refused. */
function paxHeader(records: Buffer, isGlobal: boolean): Ahead {
  const found = new Map<string, Buffer>()
  let at = 0
  while (at < records.length) {
    const [, digits = ''] = /^([1-9][0-9]{0,5}) /.exec(records.toString('latin1', at, at + 7)) ?? []
    const end = at + Number(digits)
    const record = records.subarray(at + digits.length + 1, end - 1)
    const equals = record.indexOf(0x3d)
    if (digits === '' || end > records.length || records[end - 1] !== 0x0a || equals < 1) throw invalid('a pax header that cannot be read')
    const key = record.toString('latin1', 0, equals)
    if (/^(?:linkpath|GNU\.sparse\..*)$/.test(key) || (isGlobal && /^(?:path|size)$/.test(key)))
      throw refused('archive-entry', `a pax header says ${shown(key)}, which is not done`)
    if (found.has(key)) throw invalid('a pax header says something twice')
    found.set(key, record.subarray(equals + 1))
    at = end
  }
  const name = found.get('path')
  const size = found.get('size')?.toString('latin1')
  if (size !== undefined && !/^[0-9]{1,12}$/.test(size)) throw invalid('a size that is none')
  return { ...(name && { name }), ...(size !== undefined && { size: Number(size) }) }
}

/** A number in octal digits, as all of the field but spaces and NULs around them; absent = 0. */
function octal(header: Buffer, start: number, length: number): number {
  const text = header
    .toString('latin1', start, start + length)
    .replace(/^ +/, '')
    .replace(/[\0 ]+$/, '')
  if (!/^[0-7]{0,11}$/.test(text)) throw invalid('a number that is none')
  return Number.parseInt(text || '0', 8)
}

function bounded(body: Buffer): Buffer {
  if (body.length > MAX_HEADER) throw invalid('a header is too long')
  return body
}

function untilNul(field: Buffer): Buffer {
  const end = field.indexOf(0)
  return end < 0 ? field : field.subarray(0, end)
}

const isZero = (bytes: Buffer): boolean => bytes.every(byte => byte === 0)
const invalid = (why: string): Error => refused('archive-invalid', `the tar archive: ${why}`)
const EMPTY = Buffer.alloc(0)
const SLASH = Buffer.from('/')
