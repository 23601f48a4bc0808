// Packs installed packages again, as a registry would serve them: tarballs, and the lock file that names them all.

import { hash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { gzipSync } from 'node:zlib'

/** A package at its place in `node_modules`. `sha512` in hexadecimal, `folder` such as `node_modules/a/node_modules/b`. */
export type PackedPackage = {
  readonly folder: string
  readonly name: string
  readonly version: string
  readonly manifest: Readonly<Record<string, unknown>>
  readonly tarball: Buffer
  readonly sha512: string
}
/** A file of an archive. */
export type PackedFile = { readonly path: string; readonly bytes: Buffer; readonly isExecutable?: boolean }

/** The package called `name` and everything it depends on, as they are installed below `root`. The first is the package itself. */
export function packInstalled(root: string, name: string): readonly PackedPackage[] {
  const packed = new Map<string, PackedPackage>()
  const add = (folder: string): void => {
    const key = relative(root, folder).split(sep).join('/')
    if (packed.has(key)) return
    const own = packFolder(folder, key)
    packed.set(key, own)
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = own.manifest as Manifest
    for (const each of Object.keys(dependencies)) add(resolved(root, folder, each) ?? missing(each))
    for (const each of Object.keys(peerDependencies)) {
      const peer = peerDependenciesMeta[each]?.optional === true ? undefined : resolved(root, folder, each)
      if (peer !== undefined) add(peer)
    }
  }
  add(join(root, 'node_modules', name))
  return [...packed.values()]
}
type Manifest = {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** Where Node.js would find it from a folder, without looking above `root`. */
function resolved(root: string, from: string, name: string): string | undefined {
  for (let at = from; at.startsWith(root); at = dirname(at)) {
    const folder = join(at, 'node_modules', name)
    if (lstatSync(join(folder, 'package.json'), { throwIfNoEntry: false })?.isFile() === true) return folder
  }
  return undefined
}
function missing(name: string): never {
  throw new TypeError(`\`${name}\` is not installed`)
}

/** One installed package without the packages inside of it. */
function packFolder(folder: string, key: string): PackedPackage {
  return packFiles(filesIn(folder, ''), key)
}

/** A package of these files, `package.json` among them. */
export function packFiles(files: readonly PackedFile[], key?: string): PackedPackage {
  const manifest = JSON.parse(files.find(({ path }) => path === 'package.json')?.bytes.toString() ?? '{}') as Record<string, unknown>
  const { name, version } = manifest as { readonly name: string; readonly version: string }
  const tarball = gzipSync(tarOf(files.map(file => ({ ...file, path: `package/${file.path}` }))), { level: 1 })
  return { folder: key ?? `node_modules/${name}`, name, version, manifest, tarball, sha512: hash('sha512', tarball) }
}

function filesIn(folder: string, before: string): readonly PackedFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): readonly PackedFile[] => {
    const path = before === '' ? entry.name : `${before}/${entry.name}`
    if (entry.isDirectory()) return path === 'node_modules' ? [] : filesIn(join(folder, entry.name), path)
    if (!entry.isFile()) return []
    const file = join(folder, entry.name)
    return [{ path, bytes: readFileSync(file), isExecutable: (lstatSync(file).mode & 0o100) !== 0 }]
  })
}

/** A lock file (version 3) of a folder that depends on the first of these packages. */
export function lockFileOf(packages: readonly PackedPackage[]): Buffer {
  const [first] = packages
  const entries = packages.map(({ folder, name, version, manifest, sha512 }): [string, object] => [
    folder,
    {
      ...(!folder.endsWith(`node_modules/${name}`) && { name }),
      version,
      integrity: `sha512-${Buffer.from(sha512, 'hex').toString('base64')}`,
      ...Object.fromEntries(
        ['dependencies', 'bin', 'engines', 'os', 'cpu'].flatMap(key => (key in manifest ? [[key, manifest[key]]] : [])),
      ),
    },
  ])
  const root = { name: 'launch', version: '1.0.0', dependencies: { [first?.name ?? '']: first?.version } }
  const lock = {
    name: 'launch',
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: { '': root, ...Object.fromEntries(entries) },
  }
  return Buffer.from(`${JSON.stringify(lock, undefined, 2)}\n`)
}

/** POSIX ustar with pax headers for long names, the same bytes for the same files. */
export function tarOf(files: readonly PackedFile[]): Buffer {
  const blocks = files.flatMap(({ path, bytes, isExecutable = false }) => {
    const isLong = Buffer.byteLength(path) > 100
    const header = tarHeader(isLong ? 'long' : path, { size: bytes.length, mode: isExecutable ? 0o755 : 0o644 })
    return [...(isLong ? paxOf(path) : []), header, padded(bytes)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function paxOf(path: string): readonly Buffer[] {
  const rest = ` path=${path}\n`
  let length = Buffer.byteLength(rest)
  while (length !== Buffer.byteLength(`${length}${rest}`)) length = Buffer.byteLength(`${length}${rest}`)
  const body = Buffer.from(`${length}${rest}`)
  return [tarHeader('PaxHeader', { size: body.length, mode: 0o644, type: 'x' }), padded(body)]
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])

/** One header block with its checksum; `link`: what a link points to. */
export function tarHeader(
  name: string,
  { size, mode, type = '0', link = '' }: { readonly size: number; readonly mode: number; readonly type?: string; readonly link?: string },
): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`
  header.write(name, 0, 100)
  header.write(`${octal(mode, 8)}${octal(0, 8)}${octal(0, 8)}${octal(size, 12)}${octal(0, 12)}        ${type}`, 100, 'latin1')
  header.write(link, 157, 100)
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
