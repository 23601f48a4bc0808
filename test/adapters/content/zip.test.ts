// The zip reader: what packers really write is read alike, and archives that two readers could take for two things are refused.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/adapters/content/refusal.ts'
import { readZip } from '../../../src/adapters/content/zip.ts'
import { numbers, zipOf, type ZipFile } from '../../support/zip.ts'
import { ROOT } from './world.ts'

const LIMITS = { entries: 100, depth: 8, treeBytes: 1_000_000 }
function read(archive: Buffer, limits = LIMITS): Record<string, string> {
  return Object.fromEntries(
    readZip(archive, limits).map(each => [
      each.path,
      each.kind === 'file' ? `${each.isExecutable ? '*' : ''}${each.bytes().toString()}` : '/',
    ]),
  )
}
function refusal(archive: Buffer, limits = LIMITS): string {
  try {
    read(archive, limits)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return `${error.denial.rule} ${error.denial.detail}`
  }
}
const file = (name: string, text = 'x', more: Partial<ZipFile> = {}): ZipFile => ({ name, bytes: Buffer.from(text), ...more })
const GOOD = [file('manifest.json', '{}'), file('server/index.js', 'hello'.repeat(100))]

describe('what packers write', () => {
  it('is read as it was packed, whether its files are packed or stored, from Unix or not', () => {
    const run = file('run', 'bin', { mode: 0o100755, method: 0 })
    const folder: ZipFile = { name: 'server/', mode: 0o40755, method: 0 }
    expect(read(zipOf([folder, ...GOOD, run, file('dos.txt', 'y', { mode: 0 })]))).toEqual({
      'manifest.json': '{}',
      server: '/',
      'server/index.js': 'hello'.repeat(100),
      run: '*bin',
      'dos.txt': 'y',
    })
  })
  it.each([true, false])('is read as another program packs it (sizes behind the files: %s)', async streamFiles => {
    const JsZip = createRequire(join(ROOT, 'node_modules/@modelcontextprotocol/server-everything/package.json'))('jszip')
    const zip = new JsZip()
    zip.file('server/index.js', 'a'.repeat(5000))
    zip.file('manifest.json', '{"näme":1}', { unixPermissions: 0o755 })
    const packed: Buffer = await zip.generateAsync({ type: 'nodebuffer', platform: 'UNIX', compression: 'DEFLATE', streamFiles })
    expect(read(packed)).toEqual({ server: '/', 'server/index.js': 'a'.repeat(5000), 'manifest.json': '*{"näme":1}' })
  })
  it('may carry the signature of `mcpb sign` behind it, or as its comment', () => {
    const block = Buffer.concat([Buffer.from('MCPB_SIG_V1'), numbers([4, 5]), Buffer.from('12345MCPB_SIG_END')])
    const plain = zipOf(GOOD)
    expect(read(Buffer.concat([plain, block]))).toEqual(read(plain))
    expect(read(zipOf(GOOD, { end: { comment: block } }))).toEqual(read(plain))
    const lying = Buffer.concat([Buffer.from('MCPB_SIG_V1'), numbers([4, 6]), Buffer.from('12345MCPB_SIG_END')])
    expect(refusal(Buffer.concat([plain, lying]))).toMatch(/signature/)
  })
})

describe('attacks', () => {
  it.each(['../evil', '/etc/passwd', 'a/../../evil', 'a\\..\\evil', 'C:\\evil', 'a//b', './../x', 'a/\u0000b', ''])(
    'zip slip: a name such as %j',
    name => {
      expect(refusal(zipOf([...GOOD, file(name)]))).toMatch(/^archive-entry/)
    },
  )
  it('a symbolic link, a pipe, a device, or a folder that is called a file', () => {
    for (const mode of [0o120777, 0o010644, 0o020644, 0o060644, 0o140644])
      expect(refusal(zipOf([file('x', '/etc/passwd', { mode })]))).toMatch(/^archive-entry/)
    expect(refusal(zipOf([file('x', 'y', { mode: 0o040755 })]))).toMatch(/^archive-entry/)
    expect(refusal(zipOf([file('x/', '', { mode: 0o100644, method: 0 })]))).toMatch(/^archive-entry/)
  })
  it('one name twice, also in other letters, or a file as a folder', () => {
    for (const other of ['manifest.json', 'Manifest.JSON', 'manifest.json/x'])
      expect(refusal(zipOf([...GOOD, file(other)]))).toMatch(/^archive-entry/)
  })
  it('zip bomb: a file that unpacks to more than the directory says', () => {
    const bomb = deflateRawSync(Buffer.alloc(50_000_000))
    expect(bomb.length).toBeLessThan(60_000)
    expect(refusal(zipOf([file('bomb', 'x', { packed: bomb })]))).toMatch(/^archive-size/)
  })
  it('zip bomb: files that together are more than is taken, before any is unpacked', () => {
    const big = { bytes: Buffer.alloc(600_000), packed: Buffer.from('never looked at') }
    expect(refusal(zipOf([file('a', '', big), file('b', '', big)]))).toMatch(/^archive-size expected at most 1000000 bytes/)
    expect(refusal(zipOf(Array.from({ length: 200 }, (_, i) => file(`${i}`))))).toMatch(/^archive-size/)
    expect(refusal(zipOf([file(`${'a/'.repeat(9)}b`)]))).toMatch(/^archive-size/)
  })
  it('zip bomb: files that share their packed bytes', () => {
    const offset = 0
    const first = file('a', 'hello')
    expect(refusal(zipOf([first, file('b', 'hello', { listed: { offset } })]))).toMatch(/overlap/)
  })
  it.each(['crc', 'packed', 'size', 'method', 'flags'] as const)('a local header that says another %s than the directory', field => {
    for (const where of ['local', 'listed'] as const)
      expect(refusal(zipOf([file('a', 'hello', { [where]: { [field]: field === 'method' ? 0 : 6 } }), file('b')]))).toMatch(/^archive-/)
  })
  it('a local header with another name than the directory', () => {
    expect(refusal(zipOf([file('good', 'x', { local: { name: Buffer.from('evil') } })]))).toMatch(/do not agree/)
  })
  it('sizes that both headers agree on and that are not true', () => {
    for (const lie of [{ size: 4 }, { size: 6 }, { crc: 1 }])
      expect(refusal(zipOf([file('a', 'hello', { local: lie, listed: lie })]))).toMatch(/^archive-/)
    expect(
      refusal(zipOf([file('a', 'hello', { packed: Buffer.concat([deflateRawSync(Buffer.from('hello')), Buffer.from('hidden')]) })])),
    ).toMatch(/follows its end/)
  })
  it('bytes before the files, between them and the directory, or behind the end', () => {
    const hidden = Buffer.from('hidden')
    expect(refusal(zipOf(GOOD, { before: hidden }))).toMatch(/^archive-invalid/)
    expect(refusal(zipOf(GOOD, { between: hidden }))).toMatch(/before its directory/)
    expect(refusal(Buffer.concat([zipOf(GOOD), hidden]))).toMatch(/follows its end/)
    expect(refusal(Buffer.concat([zipOf([file('evil')]), zipOf(GOOD)]))).toMatch(/^archive-invalid/)
  })
  it('a second end inside of the comment', () => {
    expect(refusal(zipOf(GOOD, { end: { comment: zipOf([]) } }))).toMatch(/end twice/)
  })
  it('a directory that says more or fewer files than it holds, or lies elsewhere', () => {
    for (const end of [{ count: 1 }, { count: 3 }, { size: 5 }, { start: 5 }, { count: 0xffff }, { start: 0xffffffff }])
      expect(refusal(zipOf(GOOD, { end }))).toMatch(/^archive-/)
  })
  it('zip64 lies: sizes that stand elsewhere', () => {
    const extra = numbers([2, 1], [2, 16], [4, 1], [4, 0], [4, 1], [4, 0])
    const lie = { size: 0xffffffff, packed: 0xffffffff, extra }
    expect(refusal(zipOf([file('a', 'x', { local: lie, listed: lie })]))).toMatch(/^archive-/)
    const locator = numbers([4, 0x07064b50], [4, 0], [4, 0], [4, 0], [4, 1])
    const whole = zipOf(GOOD)
    const at = whole.length - 22
    const end = Buffer.from(whole.subarray(at))
    end.writeUInt32LE(end.readUInt32LE(12) + locator.length, 12)
    expect(refusal(Buffer.concat([whole.subarray(0, at), locator, end]))).toMatch(/zip64/)
  })
  it('encrypted files, other ways to pack, and names in an encoding that is not said', () => {
    expect(refusal(zipOf([file('a', 'x', { flags: 0x801 })]))).toMatch(/^archive-entry/)
    expect(refusal(zipOf([file('a', 'x', { local: { method: 12 }, listed: { method: 12 } })]))).toMatch(/^archive-entry/)
    expect(refusal(zipOf([file('ä', 'x', { flags: 0 })]))).toMatch(/^archive-entry/)
    expect(refusal(zipOf([{ name: Buffer.from([0x61, 0xff]), bytes: Buffer.from('x') }]))).toMatch(/^archive-entry/)
  })
  it('no archive at all, or a cut one', () => {
    expect(refusal(Buffer.alloc(0))).toMatch(/^archive-invalid/)
    expect(refusal(Buffer.from('MCPB_SIG_V1MCPB_SIG_END'))).toMatch(/^archive-invalid/)
    const whole = zipOf(GOOD)
    for (let length = 0; length < whole.length; length += 7) expect(refusal(whole.subarray(0, length))).toMatch(/^archive-/)
  })
})
