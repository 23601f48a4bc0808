// Reads a zip archive strictly: one directory at the end that agrees with every file, in one unbroken row. What two readers could take for two things is refused.

import { crc32, inflateRawSync } from 'node:zlib'
import { shown } from '../../trust/denial.ts'
import { namesOf, Places, type ArchiveEntry } from './entries.ts'
import { refused } from './refusal.ts'

type ZipLimits = { readonly entries: number; readonly depth: number; readonly treeBytes: number }

const END = 0x06054b50
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
const DESCRIPTOR = 0x08074b50
/** Zip64's own end (APPNOTE 4.3.15): whatever it says, nothing here is that large. */
const END64 = 0x07064b50

/** A file as the directory has it; offsets into the archive. */
type Listed = {
  readonly raw: Buffer
  readonly flags: number
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly offset: number
  /** of a Unix file system, where it comes from one; else 0 */
  readonly mode: number
}

/**
 * The entries of an archive; files are unpacked when `bytes` is called, one at a time. Links, encrypted entries, zip64, several disks, gaps, overlaps and
 * sizes that are not true are refused. Throws Refusal, also `bytes`.
 */
export function readZip(archive: Buffer, limits: ZipLimits): readonly ArchiveEntry[] {
  const { start, end, count } = directoryOf(archive)
  if (count > limits.entries) throw refused('archive-size', `expected at most ${limits.entries} files and folders`)
  const listed = listedIn(archive.subarray(start, end), count)
  const total = listed.reduce((sum, { size }) => sum + size, 0)
  if (total > limits.treeBytes) throw refused('archive-size', `expected at most ${limits.treeBytes} bytes, got ${total}`)
  const places = new Places(limits)
  const data = dataOf(archive.subarray(0, start), listed)
  return listed.map((each): ArchiveEntry => {
    const path = namesOf(each.raw).join('/')
    const isFolder = each.raw.at(-1) === 0x2f
    checkKind(each, path, isFolder)
    places.add(path.split('/'), isFolder ? 'folder' : 'file')
    if (isFolder) return { kind: 'folder', path }
    const packed = data.get(each) ?? EMPTY
    return { kind: 'file', path, isExecutable: (each.mode & 0o111) !== 0, bytes: () => unpacked(packed, each, path) }
  })
}

type Directory = { readonly start: number; readonly end: number; readonly count: number }

/** Where the directory is, from the one record that ends the archive (APPNOTE 4.3.16). */
function directoryOf(archive: Buffer): Directory {
  const last = withoutSignature(archive)
  const found: number[] = []
  for (let at = last - 22; at >= Math.max(0, last - 22 - 0xffff); at--) if (archive.readUInt32LE(at) === END) found.push(at)
  const [at] = found
  if (at === undefined) throw invalid('no directory')
  // A second one inside of the comment of the first would be the end for another reader.
  if (found.length > 1) throw invalid('it seems to end twice')
  if (at + 22 + archive.readUInt16LE(at + 20) !== last) throw invalid('something follows its end')
  const [disk, first, here, count] = [4, 6, 8, 10].map(each => archive.readUInt16LE(at + each)) as [number, number, number, number]
  const [size, start] = [archive.readUInt32LE(at + 12), archive.readUInt32LE(at + 16)]
  if (disk !== 0 || first !== 0 || here !== count) throw invalid('it is on several disks')
  if (count === 0xffff || size === 0xffffffff || start === 0xffffffff || (at >= 20 && archive.readUInt32LE(at - 20) === END64))
    throw invalid('zip64, which nothing of this size needs')
  if (start + size !== at) throw invalid('its directory is not where it says')
  return { start, end: at, count }
}

/** `mcpb sign` appends a block behind the archive. What is signed there is not looked at: the digest of the whole file is. */
function withoutSignature(archive: Buffer): number {
  const [head, tail] = [Buffer.from('MCPB_SIG_V1'), Buffer.from('MCPB_SIG_END')]
  if (!archive.subarray(-tail.length).equals(tail)) return archive.length
  const at = archive.lastIndexOf(head)
  const length = at < 0 ? -1 : archive.readUInt32LE(at + head.length)
  if (at + head.length + 4 + length + tail.length !== archive.length) throw invalid('the signature behind it cannot be read')
  // a newer `mcpb sign` counts the block as the comment of the archive
  const end = at - 22
  const isComment = end >= 0 && archive.readUInt32LE(end) === END && archive.readUInt16LE(end + 20) === archive.length - at
  return isComment ? archive.length : at
}

function listedIn(directory: Buffer, count: number): readonly Listed[] {
  const listed: Listed[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== ENTRY) throw invalid('its directory cannot be read')
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(each => directory.readUInt16LE(at + each)) as [number, number, number]
    const next = at + 46 + nameLength + extraLength + commentLength
    if (next > directory.length) throw invalid('its directory cannot be read')
    const isUnix = directory[at + 5] === 3
    listed.push({
      raw: directory.subarray(at + 46, at + 46 + nameLength),
      flags: directory.readUInt16LE(at + 8),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
      mode: isUnix ? directory.readUInt16LE(at + 40) : 0,
    })
    if (directory.readUInt16LE(at + 34) !== 0) throw invalid('it is on several disks')
    at = next
  }
  if (at !== directory.length) throw invalid('its directory holds more than it says')
  return listed
}

/** The packed bytes of each file. They lie one after the other from the first byte on: nothing is shared, hidden or counted twice. */
function dataOf(files: Buffer, listed: readonly Listed[]): ReadonlyMap<Listed, Buffer> {
  const data = new Map<Listed, Buffer>()
  let at = 0
  for (const each of [...listed].sort((a, b) => a.offset - b.offset)) {
    if (each.offset !== at) throw invalid('its files overlap, or something lies between them')
    if (at + 30 > files.length || files.readUInt32LE(at) !== LOCAL) throw invalid('a file without a header')
    const start = at + 30 + files.readUInt16LE(at + 26) + files.readUInt16LE(at + 28)
    const hasDescriptor = (each.flags & 0x8) !== 0
    const here = [files.readUInt32LE(at + 14), files.readUInt32LE(at + 18), files.readUInt32LE(at + 22)]
    const isAlike =
      files.readUInt16LE(at + 6) === each.flags &&
      files.readUInt16LE(at + 8) === each.method &&
      files.subarray(at + 30, at + 30 + files.readUInt16LE(at + 26)).equals(each.raw) &&
      (isSame(here, each) || (hasDescriptor && here.every(value => value === 0)))
    if (!isAlike) throw invalid('a file and the directory do not agree')
    at = start + each.packed
    if (at > files.length) throw invalid('a file is cut')
    data.set(each, files.subarray(start, at))
    if (hasDescriptor) at = afterDescriptor(files, at, each)
  }
  if (at !== files.length) throw invalid('something lies before its directory')
  return data
}

/** Sizes that stand behind the file, with or without a mark (APPNOTE 4.3.9). */
function afterDescriptor(files: Buffer, at: number, listed: Listed): number {
  const start = at + 4 <= files.length && files.readUInt32LE(at) === DESCRIPTOR ? at + 4 : at
  if (
    start + 12 > files.length ||
    !isSame(
      [0, 4, 8].map(each => files.readUInt32LE(start + each)),
      listed,
    )
  )
    throw invalid('a file and the directory do not agree')
  return start + 12
}

const isSame = ([crc, packed, size]: readonly number[], listed: Listed): boolean =>
  crc === listed.crc && packed === listed.packed && size === listed.size

const [KIND, FOLDER, FILE] = [0o170000, 0o040000, 0o100000]

function checkKind({ flags, method, mode, packed, size, raw }: Listed, path: string, isFolder: boolean): void {
  const kind = mode & KIND
  if (kind !== 0 && kind !== (isFolder ? FOLDER : FILE)) throw refused('archive-entry', `${shown(path)} is no file and no folder`)
  // bits 1 and 2: how hard it was packed; 3: sizes behind the file; 11: the name is UTF-8
  if ((flags & ~0x080e) !== 0) throw refused('archive-entry', `${shown(path)} is encrypted, or needs what is not done`)
  if (!(flags & 0x800) && raw.some(byte => byte > 0x7e)) throw refused('archive-entry', `${shown(path)}: its name is in no known encoding`)
  if (method !== 0 && method !== 8) throw refused('archive-entry', `${shown(path)} is packed in another way than deflate`)
  if ((method === 0 && packed !== size) || (isFolder && size !== 0)) throw invalid('a size that cannot be true')
}

function unpacked(packed: Buffer, { method, size, crc }: Listed, path: string): Buffer {
  const bytes = method === 0 ? packed : inflated(packed, size, path)
  if (bytes.length !== size || crc32(bytes) !== crc) throw invalid(`${shown(path)} is not what the directory says`)
  return bytes
}

function inflated(packed: Buffer, size: number, path: string): Buffer {
  try {
    // the size that the directory gives is the most that is taken: what grows beyond is stopped there
    const { buffer, engine } = inflateRawSync(packed, { maxOutputLength: Math.max(1, size), info: true }) as unknown as Inflated
    if (engine.bytesWritten !== packed.length) throw invalid(`${shown(path)}: something follows its end`)
    return buffer
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw refused('archive-size', `${shown(path)} is larger than the directory says`)
    if (code?.startsWith('Z_') === true) throw invalid(`${shown(path)} cannot be unpacked`)
    throw error
  }
}
type Inflated = { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }

const invalid = (why: string): Error => refused('archive-invalid', `the zip archive: ${why}`)
const EMPTY = Buffer.alloc(0)
