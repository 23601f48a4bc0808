// The tar reader: what packers really write is read alike, and everything an archive could do besides holding files is refused.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { ArchiveEntry } from '../../../src/adapters/content/entries.ts'
import { readTar } from '../../../src/adapters/content/tar.ts'
import { Refusal } from '../../../src/adapters/content/refusal.ts'
import { tarHeader, tarOf } from '../../../src/demo/artifacts/pack.ts'
import { ROOT } from './world.ts'

const LIMITS = { entries: 1000, depth: 8 }
const END = Buffer.alloc(1024)
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tar-'))
afterAll(() => rmSync(folder, { recursive: true }))

const read = (archive: Buffer, limits = LIMITS): Record<string, string> =>
  Object.fromEntries(readTar(archive, limits).map(entry => [entry.path, textOf(entry)]))
const textOf = (entry: ArchiveEntry): string =>
  entry.kind === 'file' ? `${entry.isExecutable ? '*' : ''}${entry.bytes().toString()}` : '/'
function refusal(archive: Buffer, limits = LIMITS): string {
  try {
    readTar(archive, limits)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return `${error.denial.rule} ${error.denial.detail}`
  }
}
/** An entry of any type, well formed otherwise. */
function entry(name: string, { body = '', ...more }: { body?: string; type?: string; link?: string; mode?: number } = {}): Buffer {
  const bytes = Buffer.from(body)
  const header = tarHeader(name, { size: bytes.length, mode: 0o644, ...more })
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}
const archive = (...entries: readonly Buffer[]): Buffer => Buffer.concat([...entries, END])
const pax = (type: 'x' | 'g', ...records: readonly string[]): Buffer =>
  entry('pax', { type, body: records.map(each => `${each.length + 4} ${each}\n`).join('') })

describe('what packers write', () => {
  const files = { 'index.js': 'x', 'lib/a.js': 'y', [`lib/${'long/'.repeat(5)}${'n'.repeat(120)}.js`]: 'z' }
  const source = join(folder, 'source', 'package')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(source, name, '..'), { recursive: true })
    writeFileSync(join(source, name), text)
  }
  it.each(['ustar', 'pax', 'gnu'])('is read as it was packed (%s)', format => {
    const only = format === 'ustar' ? ['package/index.js', 'package/lib/a.js'] : ['package']
    const bytes = execFileSync('tar', [`--format=${format}`, '-C', join(folder, 'source'), '-cf', '-', ...only])
    const got = read(bytes, { entries: 100, depth: 20 })
    for (const [name, text] of Object.entries(files)) if (format !== 'ustar' || name.length < 50) expect(got[name]).toBe(text)
  })
  it('is read as npm packs it', () => {
    const packed = join(folder, 'npm')
    mkdirSync(packed)
    const from = join(ROOT, 'node_modules/@modelcontextprotocol/server-memory')
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', packed, from], { stdio: 'ignore', cwd: packed })
    const [name = ''] = readdirSync(packed)
    const got = read(gunzipSync(readFileSync(join(packed, name))))
    expect(got['dist/index.js']?.replace(/^\*/, '')).toBe(readFileSync(join(from, 'dist/index.js'), 'utf8'))
    expect(Object.keys(got)).toContain('package.json')
  })
  it('is read as it was packed here, the executable ones as such', () => {
    const long = `deep/${'x'.repeat(150)}`
    const packed = tarOf([
      { path: 'package/run.sh', bytes: Buffer.from('a'), isExecutable: true },
      { path: `package/${long}`, bytes: Buffer.alloc(600, 'b') },
    ])
    expect(read(packed)).toEqual({ 'run.sh': '*a', [long]: 'b'.repeat(600) })
  })
  it('drops the first folder, whatever it is called, and folders of old archives that end in a slash', () => {
    expect(read(archive(entry('weather-1.0.0/'), entry('weather-1.0.0/a', { body: 'b' }), entry('weather-1.0.0/c/')))).toEqual({
      a: 'b',
      c: '/',
    })
  })
})

describe('attacks', () => {
  it.each([
    'package/../../evil',
    '/etc/passwd',
    'package//x',
    'package/./x',
    '..',
    'package/a\\..\\b',
    'package/\u001b[2J',
    'package/..',
    '../x',
    '',
  ])('tar slip: a name such as %j', name => expect(refusal(archive(entry(name, { body: 'x' })))).toMatch(/^archive-entry/))
  it('tar slip through a long name: pax and GNU', () => {
    expect(refusal(archive(pax('x', 'path=package/../../evil'), entry('package/x')))).toMatch(/^archive-entry/)
    expect(refusal(archive(entry('././@LongLink', { type: 'L', body: '/etc/cron.d/evil\0' }), entry('package/x')))).toMatch(
      /^archive-entry/,
    )
  })
  it.each([
    ['symbolic link', '2'],
    ['hard link', '1'],
    ['character device', '3'],
    ['block device', '4'],
    ['pipe', '6'],
    ['contiguous file', '7'],
    ['sparse file', 'S'],
    ['long link', 'K'],
    ['dump folder', 'D'],
    ['another volume', 'M'],
  ])('a %s is refused, whatever it points to', (_, type) => {
    expect(refusal(archive(entry('package/x', { type, link: '/etc/passwd' })))).toMatch(/^archive-entry/)
  })
  it('a symbolic link as a real tar writes it', () => {
    const source = join(folder, 'links', 'package')
    mkdirSync(source, { recursive: true })
    symlinkSync('/etc', join(source, 'etc'))
    expect(refusal(execFileSync('tar', ['-C', join(folder, 'links'), '-cf', '-', 'package']))).toMatch(/^archive-entry/)
  })
  it('a pax header that makes a file a link, gives it two sizes, or renames everything that follows', () => {
    expect(refusal(archive(pax('x', 'linkpath=/etc/passwd'), entry('package/x')))).toMatch(/^archive-entry/)
    expect(refusal(archive(pax('x', 'size=99'), entry('package/x', { body: 'y' })))).toMatch(/two sizes/)
    expect(refusal(archive(pax('g', 'path=package/evil'), entry('package/x')))).toMatch(/^archive-entry/)
    expect(refusal(archive(pax('x', 'GNU.sparse.name=package/x'), entry('package/x')))).toMatch(/^archive-entry/)
    expect(refusal(archive(pax('x', 'path=package/a', 'path=package/b'), entry('package/x')))).toMatch(/twice/)
    expect(refusal(archive(pax('x', 'path=package/a'), pax('x', 'path=package/b'), entry('package/x')))).toMatch(/two headers/)
    expect(read(archive(pax('g', 'comment=0123456789'), pax('x', 'size=1', 'mtime=12345678'), entry('package/x', { body: 'y' })))).toEqual({
      x: 'y',
    })
  })
  it('one name twice, also in other letters or another Unicode form, or a file as a folder', () => {
    for (const [a, b] of [
      ['package/a', 'package/a'],
      ['package/Index.js', 'package/index.js'],
      ['package/\u00e9', 'package/e\u0301'],
      ['package/a', 'package/a/b'],
      ['package/a/b', 'package/a'],
    ] as const)
      expect(refusal(archive(entry(a, { body: '1' }), entry(b, { body: '2' }))), b).toMatch(/^archive-entry/)
  })
  it('more entries or deeper folders than are taken', () => {
    const many = Array.from({ length: 30 }, (_, i) => entry(`package/${i}`))
    expect(refusal(archive(...many), { entries: 20, depth: 8 })).toMatch(/^archive-size/)
    expect(refusal(archive(entry(`package/${'a/'.repeat(9)}b`)))).toMatch(/^archive-size/)
  })
  it('sizes in base 256, negative, cut, or beyond the archive', () => {
    const huge = entry('package/x', { body: 'y' })
    huge[124] = 0x80
    fixSum(huge)
    expect(refusal(archive(huge))).toMatch(/a number that is none/)
    const long = entry('package/x')
    long.write('77777777777', 124)
    fixSum(long)
    expect(refusal(archive(long))).toMatch(/cut/)
  })
  it('a changed header, no end, or something behind the end', () => {
    const good = archive(entry('package/x', { body: 'y' }))
    const changed = Buffer.from(good)
    changed[0] = 0x71
    expect(refusal(changed)).toMatch(/checksum/)
    expect(refusal(good.subarray(0, 1024))).toMatch(/ends before/)
    expect(refusal(Buffer.concat([good, entry('package/hidden')]))).toMatch(/follows its end/)
    expect(refusal(archive(pax('x', 'path=package/a')))).toMatch(/without an entry/)
  })
  it('a file beside the folder that holds everything', () => expect(refusal(archive(entry('x', { body: 'y' })))).toMatch(/^archive-entry/))
})

function fixSum(header: Buffer): void {
  header.fill(' ', 148, 156)
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}
