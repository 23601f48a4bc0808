// Fuzz targets of artifacts: archives and lock files are read or refused, and what is read has plain names, each once.

import { Refusal } from '../../../src/adapters/content/refusal.ts'
import type { ArchiveEntry } from '../../../src/adapters/content/entries.ts'
import { readNpmLock } from '../../../src/adapters/content/npm-lock.ts'
import { readTar } from '../../../src/adapters/content/tar.ts'
import { readZip } from '../../../src/adapters/content/zip.ts'
import { lockFileOf, packFiles, tarHeader, tarOf } from '../../../src/demo/artifacts/pack.ts'
import { zipOf } from '../../support/zip.ts'
import { must } from '../fuzz.ts'
import type { FuzzTarget } from '../fuzz.ts'

const LIMITS = { entries: 100, depth: 8, treeBytes: 100_000 }
const files = ['package/package.json', 'package/lib/index.js', `package/${'long/'.repeat(5)}${'n'.repeat(90)}`].map(path => ({
  path,
  bytes: Buffer.from(`content of ${path}`),
}))
const named = files.map(({ path, bytes }) => ({ name: path, bytes }))
const packed = packFiles([{ path: 'package.json', bytes: Buffer.from('{"name":"@acme/weather","version":"1.2.0"}') }])

function judge(read: () => readonly ArchiveEntry[]): boolean {
  try {
    const entries = read()
    for (const entry of entries) {
      must(
        entry.path.split('/').every(name => name !== '' && name !== '.' && name !== '..'),
        'a name that leaves its folder',
      )
      must(!/[\0\\]/.test(entry.path), 'a name that no file has')
      if (entry.kind === 'file') must(entry.bytes().length <= LIMITS.treeBytes, 'a file that is too large')
    }
    const paths = entries.filter(({ kind }) => kind === 'file').map(({ path }) => path.toLowerCase())
    must(new Set(paths).size === paths.length, 'one place twice')
    return true
  } catch (error) {
    if (error instanceof Refusal) return false
    throw error
  }
}

export const targets: readonly FuzzTarget[] = [
  {
    name: 'tar',
    seeds: [
      tarOf(files),
      Buffer.concat([tarHeader('package/link', { size: 0, mode: 0o777, type: '2', link: '/etc' }), Buffer.alloc(1024)]),
    ],
    tokens: ['../', '/etc/passwd', 'path=../x', '30 path=package/../../evil\n', '\0\0\0\0'],
    run: input => judge(() => readTar(input, LIMITS)),
  },
  {
    name: 'zip',
    seeds: [
      zipOf(named),
      zipOf(named.map(each => ({ ...each, method: 0 as const }))),
      Buffer.concat([zipOf(named), Buffer.from('MCPB_SIG_V1\0\0\0\0MCPB_SIG_END')]),
    ],
    tokens: ['../', 'PK\u0001\u0002', 'PK\u0003\u0004', 'PK\u0005\u0006', 'PK\u0007\u0008', '\u00ff\u00ff\u00ff\u00ff', '\0\0\0\0'],
    run: input => judge(() => readZip(input, LIMITS)),
  },
  {
    name: 'npm-lock',
    seeds: [lockFileOf([packed]), lockFileOf([packed, { ...packed, folder: 'node_modules/b', name: 'b' }])],
    tokens: [
      '"link":true,',
      '"resolved":"git+ssh://git@example.com/x",',
      '"integrity":"sha1-x",',
      '"name":"other",',
      '../',
      'node_modules/',
    ],
    run: input => {
      const plan = readNpmLock(input, packed, { os: 'linux', cpu: 'x64', libc: 'glibc' })
      if ('denied' in plan) return false
      must(
        plan.packages.some(({ name, sha512 }) => name === packed.name && sha512 === packed.sha512),
        'the signed package is not what is installed',
      )
      for (const { folder, sha512 } of plan.packages) {
        must(folder.startsWith('node_modules/') && !folder.split('/').includes('..'), 'a folder elsewhere')
        must(/^[0-9a-f]{128}$/.test(sha512), 'a package without a SHA-512')
      }
      return true
    },
  },
]
