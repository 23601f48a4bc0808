// Writes zip archives for tests: right ones, and ones that lie in every field.

import { crc32, deflateRawSync } from 'node:zlib'

export type ZipFile = {
  readonly name: string | Buffer
  readonly bytes?: Buffer
  /** default 0o100644; 0 = not from Unix */
  readonly mode?: number
  readonly method?: 0 | 8
  readonly flags?: number
  /** instead of what is true, in the local header or in the directory */
  readonly local?: Partial<Fields>
  readonly listed?: Partial<Fields>
  /** packed bytes as they are */
  readonly packed?: Buffer
}
type Fields = { crc: number; packed: number; size: number; name: Buffer; method: number; flags: number; offset: number; extra: Buffer }

/** `before`: bytes ahead of the files; `between`: ahead of the directory; `end`: changes to the end record. */
export function zipOf(
  files: readonly ZipFile[],
  {
    before = EMPTY,
    between = EMPTY,
    end = {},
  }: { before?: Buffer; between?: Buffer; end?: Partial<Record<'count' | 'size' | 'start', number>> & { comment?: Buffer } } = {},
): Buffer {
  const parts: Buffer[] = [before]
  const directory: Buffer[] = []
  let offset = before.length
  for (const file of files) {
    const bytes = file.bytes ?? EMPTY
    const method = file.method ?? 8
    const packed = file.packed ?? (method === 8 ? deflateRawSync(bytes) : bytes)
    const own: Fields = {
      crc: crc32(bytes),
      packed: packed.length,
      size: bytes.length,
      name: Buffer.isBuffer(file.name) ? file.name : Buffer.from(file.name),
      method,
      flags: file.flags ?? 0x800,
      offset,
      extra: EMPTY,
    }
    const local = { ...own, ...file.local }
    const header = Buffer.concat([
      numbers(
        [4, 0x04034b50],
        [2, 20],
        [2, local.flags],
        [2, local.method],
        [4, 0],
        ...sizes(local),
        [2, local.name.length],
        [2, local.extra.length],
      ),
      local.name,
      local.extra,
    ])
    parts.push(header, packed)
    offset += header.length + packed.length
    const listed = { ...own, ...file.listed }
    const mode = file.mode ?? 0o100644
    directory.push(
      numbers([4, 0x02014b50], [1, 20], [1, mode === 0 ? 0 : 3], [2, 20], [2, listed.flags], [2, listed.method], [4, 0], ...sizes(listed)),
      numbers([2, listed.name.length], [2, listed.extra.length], [2, 0], [2, 0], [2, 0], [4, mode * 0x10000], [4, listed.offset]),
      listed.name,
      listed.extra,
    )
  }
  const all = Buffer.concat(directory)
  const { count = files.length, size = all.length, start = offset + between.length, comment = EMPTY } = end
  return Buffer.concat([
    ...parts,
    between,
    all,
    numbers([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, start], [2, comment.length]),
    comment,
  ])
}

const sizes = ({ crc, packed, size }: Fields): [number, number][] => [
  [4, crc],
  [4, packed],
  [4, size],
]
export function numbers(...fields: readonly (readonly [number, number])[]): Buffer {
  return Buffer.concat(
    fields.map(([length, value]) => {
      const bytes = Buffer.alloc(length)
      bytes.writeUIntLE(value, 0, length)
      return bytes
    }),
  )
}
const EMPTY = Buffer.alloc(0)
