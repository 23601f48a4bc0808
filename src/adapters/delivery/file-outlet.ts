// Events as lines of a file: synced before they count as taken, each once, and the file followed by another when it is large or old.

import { constants } from 'node:fs'
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { doubtOf, later, taken, type Outlet, type Parcel, type Sent, type Shipment } from '../../delivery/outlet.ts'
import { isFull, readLine, rotatedName, rotatedNames, timeOf, type Line } from '../../delivery/rotation.ts'
import type { FileSink } from '../../delivery/settings.ts'
import { fieldsOf } from '../../delivery/forms.ts'
import { whyNotPrivate } from '../private-file.ts'
import { syncDirectory } from '../sync-directory.ts'

/** A last line longer than this is nobody's. */
const TAIL_BYTES = 4 * 1024 * 1024
const HEAD_BYTES = 1024 * 1024
const NEWLINE = 0x0a
const SAME_NAMES = 1000

/** `isOurs`: its last line was written by this outlet, or the log has it. */
type Open = { readonly file: FileHandle; bytes: number; first: Line | undefined; last: Line | undefined; isOurs: boolean }
/** Nothing was written; what mends it is in it. */
class Unfit extends Error {}

export class FileOutlet implements Outlet {
  readonly #settings: FileSink
  #open: Open | undefined

  constructor(settings: FileSink) {
    this.#settings = settings
  }

  async send(shipment: Shipment): Promise<Sent> {
    try {
      return await this.#write(shipment)
    } catch (cause) {
      // What is in the file is looked at anew: how much of the last write it holds is not known.
      await this.close()
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
      if (cause instanceof Unfit) return later(cause.message)
      if (code === 'ELOOP') return later('its file is a symbolic link')
      return later(/^E[A-Z]+$/.test(code) ? `its file cannot be written (${code})` : 'its file cannot be written')
    }
  }

  async close(): Promise<void> {
    const { file } = this.#open ?? {}
    this.#open = undefined
    await file?.close().catch(() => {}) // what counts was synced before
  }

  async #write(shipment: Shipment): Promise<Sent> {
    const { parcels, isReplay } = shipment
    let at = await this.#opened()
    const [first] = parcels
    if (!isReplay && !at.isOurs && at.last && at.last.origin === first?.origin && at.last.seq >= first.seq) {
      const doubt = await doubtOf(shipment, at.last)
      if (doubt) return doubt
      at.isOurs = true
    }
    let lines: string[] = []
    let bytes = 0
    for (const parcel of parcels) {
      // The file has it: we died between the sync and the cursor.
      if (!isReplay && at.last?.origin === parcel.origin && at.last.seq >= parcel.seq) continue
      const line = `${parcel.text}\n`
      const adding = Buffer.byteLength(line)
      const place = placeOf(parcel)
      const isOthers = at.last !== undefined && at.last.origin !== parcel.origin
      if (isOthers || isFull({ bytes: at.bytes + bytes, adding, first: at.first, nextMs: place.timeMs }, this.#settings)) {
        await append(at, lines)
        at = await this.#rotate(at)
        lines = []
        bytes = 0
      }
      lines.push(line)
      bytes += adding
      at.first ??= place
      if (isReplay) continue
      at.last = place
      at.isOurs = true
    }
    await append(at, lines)
    return taken(parcels.length)
  }

  /** The file as it stands: 0600, no link, its torn last line cut. If we crash after the cut, nothing is lost: what was cut had never counted. */
  async #opened(): Promise<Open> {
    if (this.#open) return this.#open
    const { path } = this.#settings
    const file = await open(
      path,
      constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      0o600,
    )
    try {
      const found = await file.stat()
      if (!found.isFile()) throw new Error('it is not a regular file')
      const why = whyNotPrivate(path, found)
      if (why !== undefined) throw new Unfit(`its file is not its own: ${why}`)
      await syncDirectory(dirname(path))
      const { end, last } = await tailOf(file, found.size)
      if (end < found.size) await file.truncate(end)
      this.#open = { file, bytes: end, first: await headOf(file, end), last, isOurs: false }
      return this.#open
    } catch (cause) {
      await file.close()
      throw cause
    }
  }

  /** INVARIANT: everything in it is synced. If we crash before the rename it is rotated at the next start; after it, a new file is begun. */
  async #rotate({ file, first }: Open): Promise<Open> {
    const { path, keep } = this.#settings
    const [folder, name] = [dirname(path), basename(path)]
    const there = new Set(await readdir(folder))
    let same = 0
    while (there.has(rotatedName(name, first?.seq ?? 0, same)) && same < SAME_NAMES) same += 1
    await rename(path, join(folder, rotatedName(name, first?.seq ?? 0, same)))
    await syncDirectory(folder)
    this.#open = undefined
    await file.close()
    if (keep !== undefined) {
      const old = await this.#oldest(rotatedNames(name, await readdir(folder)))
      for (const each of old.slice(0, Math.max(0, old.length - keep))) await unlink(join(folder, each))
    }
    return this.#opened()
  }

  /** By when they were last written: another log counts its events from 0 again, so its names come before those of the one that ended. */
  async #oldest(names: readonly string[]): Promise<readonly string[]> {
    const found = await Promise.all(
      names.map(async name => ({ name, atMs: (await stat(join(dirname(this.#settings.path), name))).mtimeMs })),
    )
    return found.sort((a, b) => a.atMs - b.atMs).map(({ name }) => name)
  }
}

async function append(at: Open, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return
  const bytes = Buffer.from(lines.join(''))
  for (let from = 0; from < bytes.length;) from += (await at.file.write(bytes, from)).bytesWritten
  await at.file.datasync()
  at.bytes += bytes.length
}

/** Where the last whole line ends, and what it says. */
async function tailOf(file: FileHandle, size: number): Promise<{ readonly end: number; readonly last: Line | undefined }> {
  const from = Math.max(0, size - TAIL_BYTES)
  const bytes = await readAt(file, from, size - from)
  const newline = bytes.lastIndexOf(NEWLINE)
  if (newline < 0) return { end: from === 0 ? 0 : size, last: undefined }
  const before = newline === 0 ? -1 : bytes.lastIndexOf(NEWLINE, newline - 1)
  return { end: from + newline + 1, last: readLine(bytes.toString('utf8', before + 1, newline)) }
}

async function headOf(file: FileHandle, size: number): Promise<Line | undefined> {
  const bytes = await readAt(file, 0, Math.min(size, HEAD_BYTES))
  const newline = bytes.indexOf(NEWLINE)
  return newline < 0 ? undefined : readLine(bytes.toString('utf8', 0, newline))
}

async function readAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, from + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return bytes.subarray(0, read)
}

function placeOf({ seq, origin, leaf, text }: Parcel): Line {
  const read = readLine(text)
  return { seq, origin, leaf, timeMs: read?.timeMs ?? plainTime(text) }
}
function plainTime(text: string): number | undefined {
  try {
    return timeOf(fieldsOf(text))
  } catch {
    return undefined
  }
}
