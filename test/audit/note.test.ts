// C2SP signed-note, tlog-cosignature, tlog-checkpoint and tlog-proof: published notes verify and are made byte for byte, what is made can be read, and nothing
// that was changed, or is written in another way, counts.

import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkpointText,
  openCheckpoint,
  readCheckpoint,
  readCount,
  signCheckpoint,
  type OpenCheckpoint,
} from '../../src/audit/checkpoint.ts'
import {
  base64,
  cosignatureLine,
  isKeyName,
  noteKey,
  noteOf,
  readNote,
  readSignatures,
  readVkey,
  signatureLine,
  verifyNote,
  vkeyOf,
  type NoteKey,
} from '../../src/audit/note.ts'
import { proofText, readProof, verifyProof } from '../../src/audit/proof.ts'
import { leafHash, nodeHash } from '../../src/audit/tree.ts'

// golang.org/x/mod/sumdb/note, its tests: the reference implementation of signed notes.
const VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const SEED = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1)
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const LINE = '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
const NOTE = `${TEXT}\n${LINE}`

const privateKeyOf = (seed: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })
const isFault = (value: unknown): value is string => typeof value === 'string'
const vkey = (text: string): NoteKey => {
  const key = readVkey(text)
  if (isFault(key)) throw new Error(key)
  return key
}
const who = (note: string, keys: NoteKey[]) => {
  const parts = readNote(note)
  if (isFault(parts)) return parts
  const signed = verifyNote(parts, keys)
  return isFault(signed) ? signed : signed.map(({ key, time }) => (time === undefined ? key.name : `${key.name} ${time}`))
}

const logKey = privateKeyOf(Buffer.alloc(32, 1))
const witnessKey = privateKeyOf(Buffer.alloc(32, 2))
const log = { origin: 'gatehouse.example/0badcafe', keys: [noteKey('gatehouse.example/0badcafe', 0x01, logKey)] }
const witness = noteKey('witness.example/w1', 0x04, witnessKey)
const checkpoint = { origin: log.origin, size: 2, root: nodeHash(leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))) }
const signed = signCheckpoint(checkpoint, logKey)
const cosigned = signed + cosignatureLine(checkpointText(checkpoint), { name: witness.name, privateKey: witnessKey }, 1_679_315_147)

describe('signed notes', () => {
  it('opens the note of the reference implementation, and makes it byte for byte', () => {
    expect(who(NOTE, [vkey(VKEY)])).toEqual(['PeterNeumann'])
    const privateKey = privateKeyOf(SEED)
    expect(vkeyOf(noteKey('PeterNeumann', 0x01, privateKey))).toBe(VKEY)
    expect(noteOf(TEXT, [signatureLine(TEXT, { name: 'PeterNeumann', privateKey })])).toBe(NOTE)
  })

  it('attack: no part of a vkey, and no vkey with a character changed, is a key', () => {
    for (let i = 0; i <= VKEY.length; i += 1)
      for (let j = i + 1; j <= VKEY.length; j += 1)
        if (i !== 0 || j !== VKEY.length) expect(readVkey(VKEY.slice(i, j))).toBeTypeOf('string')
    for (let i = 0; i < VKEY.length; i += 1) {
      const changed = VKEY.slice(0, i) + String.fromCharCode(VKEY.charCodeAt(i) + 1) + VKEY.slice(i + 1)
      expect(readVkey(changed)).toBeTypeOf('string')
    }
    expect(readVkey('PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==')).toBeTypeOf('string')
    expect(readVkey('PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')).toBeTypeOf('string')
  })

  it('reads every vkey it prints, of logs and of witnesses', () => {
    for (const type of [0x01, 0x04] as const) {
      const key = noteKey('a/b', type, generateKeyPairSync('ed25519').publicKey)
      expect(readVkey(vkeyOf(key))).toMatchObject({ name: 'a/b', type, id: key.id, bytes: key.bytes })
    }
    expect(() => noteKey('a b', 0x01, logKey)).toThrow(TypeError)
    expect(() => noteKey('a', 0x01, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)).toThrow(TypeError)
  })

  it('ignores lines of keys it was not asked about, whatever they hold, even under a known name', () => {
    const unknown = '— stranger.example AAAAAAECAwQ=\n'
    const sameName = `— PeterNeumann ${Buffer.from('a key of another kind, longer than others').toString('base64')}\n`
    expect(who(TEXT + '\n' + unknown + LINE + sameName, [vkey(VKEY)])).toEqual(['PeterNeumann'])
    expect(who(TEXT + '\n' + unknown + sameName, [vkey(VKEY)])).toContain('none of the keys')
  })

  it('attack: one false signature of a known key makes the note worthless, beside a true one too', () => {
    const other = privateKeyOf(Buffer.alloc(32, 9))
    const forged = `— PeterNeumann ${Buffer.concat([Buffer.from('c74f20a3', 'hex'), Buffer.alloc(64)]).toString('base64')}\n`
    expect(who(TEXT + '\n' + LINE + forged, [vkey(VKEY)])).toContain('not by its key')
    // with the id of the known key, by another key
    const theirs = Buffer.from(signatureLine(TEXT, { name: 'PeterNeumann', privateKey: other }).split(' ')[2]!, 'base64')
    const line = `— PeterNeumann ${Buffer.concat([Buffer.from('c74f20a3', 'hex'), theirs.subarray(4)]).toString('base64')}\n`
    expect(who(TEXT + '\n' + line, [vkey(VKEY)])).toContain('not by its key')
  })

  it('attack: no note with any byte changed counts', () => {
    const bytes = Buffer.from(cosigned)
    for (let i = 0; i < bytes.length; i += 1) {
      for (const bit of [0, 1, 2, 3, 4, 5, 6, 7]) {
        const changed = Buffer.from(bytes)
        changed[i]! ^= 1 << bit
        const opened = openCheckpoint(changed.toString('latin1') === bytes.toString('latin1') ? '' : changed.toString(), log, [witness])
        // a changed name or id of a witness is that of a stranger: the checkpoint stands, and nobody witnessed it
        if (!isFault(opened)) expect(opened).toMatchObject({ size: 2, root: checkpoint.root, witnesses: [] })
      }
    }
  })

  it.each([
    ['no signature', TEXT],
    ['an empty one', ''],
    ['no blank line', TEXT + LINE],
    ['nothing after the blank line', `${TEXT}\n`],
    ['no line break at the end', NOTE.slice(0, -1)],
    ['a hyphen for the dash', NOTE.replace('—', '-')],
    ['two spaces', NOTE.replace('— PeterNeumann', '—  PeterNeumann')],
    ['a space at the end', NOTE.replace('AM=\n', 'AM= \n')],
    ['a name with a plus', NOTE.replace('— PeterNeumann', '— Peter+Neumann')],
    ['base64 without padding', NOTE.replace('AM=\n', 'AM\n')],
    ['base64 with bits after its end', NOTE.replace('AM=\n', 'AN=\n')],
    ['base64 of URLs', NOTE.replaceAll('/', '_')],
    ['a signature of four bytes', `${TEXT}\n— PeterNeumann x08gow==\n`],
    ['carriage returns', NOTE.replaceAll('\n', '\r\n')],
    ['a zero character', NOTE.replace('think', 'th\0nk')],
    ['a tab', NOTE.replace(' think', '\tthink')],
    ['a lone surrogate', NOTE.replace('think', 'th\ud800nk')],
    ['a line that is no signature', `${NOTE}hello\n`],
    ['too many', TEXT + '\n' + LINE.repeat(129)],
    ['64 KiB', `${'a'.repeat(64 * 1024)}\n\n${LINE}`],
  ])('attack: a note with %s is none', (_what, note) => {
    expect(readNote(note)).toBeTypeOf('string')
  })

  it('takes empty lines within the text: the last one counts', () => {
    const text = 'a\n\nb\n'
    expect(readNote(noteOf(text, [LINE]))).toMatchObject({ text })
  })

  it('says once who signed twice', () => {
    expect(who(NOTE + LINE, [vkey(VKEY)])).toEqual(['PeterNeumann'])
  })

  it('round trips: any text, any name, any number of signers', () => {
    const name = fc.string({ minLength: 1, maxLength: 30 }).filter(isKeyName)
    const text = fc.array(
      fc.string({ maxLength: 40 }).map(line => line.replaceAll(/[\0-\x1f]/g, '')),
      { minLength: 1 },
    )
    fc.assert(
      fc.property(name, text, fc.nat(2 ** 40), (who1, parts, time) => {
        const body = `${parts.join('\n')}\n`
        const keys = [noteKey(who1, 0x01, logKey), noteKey(who1, 0x04, witnessKey)]
        const note = noteOf(body, [
          cosignatureLine(body, { name: who1, privateKey: witnessKey }, time),
          signatureLine(body, { name: who1, privateKey: logKey }),
        ])
        expect(who(note, keys)).toEqual([`${who1} ${time}`, who1])
      }),
    )
  })
})

describe('cosignatures', () => {
  it('opens the example of the specification up to its signatures', () => {
    const note =
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
      '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n' +
      '— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n'
    const parts = readNote(note)
    if (isFault(parts)) throw new Error(parts)
    expect(readCheckpoint(parts.text)).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163 })
    const [, { signature }] = parts.lines as [unknown, { signature: Buffer }]
    expect(signature.readBigUInt64BE()).toBe(1_679_315_147n)
    expect(signature).toHaveLength(72)
  })

  it('says who witnessed and when; strangers and nobody are no fault', () => {
    expect(openCheckpoint(cosigned, log, [witness])).toMatchObject({ size: 2, witnesses: [{ name: witness.name, time: 1_679_315_147 }] })
    expect(openCheckpoint(cosigned, log)).toMatchObject({ witnesses: [] })
    expect(openCheckpoint(signed, log, [witness])).toMatchObject({ witnesses: [] })
  })

  it('attack: a cosignature with another time, or over another text, is false', () => {
    const parts = Buffer.from(cosigned.trimEnd().split(' ').at(-1)!, 'base64')
    parts[11]! ^= 1
    const other = signed + `— ${witness.name} ${parts.toString('base64')}\n`
    expect(openCheckpoint(other, log, [witness])).toContain('witness.example/w1')
    const elsewhere = cosignatureLine(checkpointText({ ...checkpoint, size: 3 }), { name: witness.name, privateKey: witnessKey }, 1)
    expect(openCheckpoint(signed + elsewhere, log, [witness])).toContain('witness.example/w1')
    // a signature of the log's kind by the witness's key says nothing of a time
    const plain = signatureLine(checkpointText(checkpoint), { name: witness.name, privateKey: witnessKey })
    expect(openCheckpoint(signed + plain, log, [witness])).toMatchObject({ witnesses: [] })
  })

  it('attack: a witness cannot sign for the log', () => {
    const text = checkpointText(checkpoint)
    const note = noteOf(text, [cosignatureLine(text, { name: witness.name, privateKey: witnessKey }, 5)])
    expect(openCheckpoint(note, log, [witness])).toContain('none of the keys')
  })

  it('reads answers of witnesses as lines of their own', () => {
    expect(readSignatures(cosigned.slice(signed.length))).toHaveLength(1)
    expect(readSignatures('')).toBeTypeOf('string')
    expect(readSignatures('hello\n')).toBeTypeOf('string')
  })
})

describe('checkpoints', () => {
  it('opens what it signed', () => {
    expect(openCheckpoint(signed, log)).toEqual({ ...checkpoint, note: signed, witnesses: [] })
    expect(signed).toMatch(/^gatehouse\.example\/0badcafe\n2\n[A-Za-z0-9+/]{43}=\n\n— gatehouse\.example\/0badcafe \S+\n$/)
    expect(() => signCheckpoint({ ...checkpoint, origin: 'a b' }, logKey)).toThrow(TypeError)
  })

  it('attack: the same key under the name of another log does not count', () => {
    const elsewhere = signCheckpoint({ ...checkpoint, origin: 'gatehouse.example/other' }, logKey)
    expect(openCheckpoint(elsewhere, log)).toContain('is of the log `gatehouse.example/other`')
    const renamed = signed.replaceAll(log.origin, 'x')
    expect(openCheckpoint(renamed, { origin: 'x', keys: [noteKey('x', 0x01, logKey)] })).toBeTypeOf('string')
  })

  it('reads extension lines over', () => {
    const text = `${checkpointText(checkpoint)}something else\n`
    const note = noteOf(text, [signatureLine(text, { name: log.origin, privateKey: logKey })])
    expect((openCheckpoint(note, log) as OpenCheckpoint).size).toBe(2)
  })

  const root = checkpoint.root.toString('base64')
  it.each([
    ['two lines', 'a\n1\n'],
    ['no origin', `\n1\n${root}\n`],
    ['a leading zero', `a\n01\n${root}\n`],
    ['a plus sign', `a\n+1\n${root}\n`],
    ['a negative size', `a\n-1\n${root}\n`],
    ['an exponent', `a\n1e3\n${root}\n`],
    ['a size beyond what numbers hold', `a\n9007199254740993\n${root}\n`],
    ['a short root', `a\n1\n${checkpoint.root.subarray(1).toString('base64')}\n`],
    ['a root without padding', `a\n1\n${root.slice(0, -1)}\n`],
    ['a root that says the same in another way', `a\n1\n${root.slice(0, -2)}${String.fromCharCode(root.charCodeAt(42) + 1)}=\n`],
    ['an empty extension', `a\n1\n${root}\n\n`],
    ['no line break at the end', `a\n1\n${root}`],
  ])('attack: %s is no checkpoint', (_what, text) => {
    expect(readCheckpoint(text)).toBeTypeOf('string')
  })

  it('reads each checkpoint in one way only', () => {
    fc.assert(
      fc.property(fc.string(), fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (origin, size, hash) => {
        const text = checkpointText({ origin, size, root: hash })
        const read = readCheckpoint(text)
        if (origin !== '' && !origin.includes('\n')) expect(read).toMatchObject({ origin, size })
        if (!isFault(read)) expect(checkpointText(read)).toBe(text)
      }),
    )
    fc.assert(fc.property(fc.string(), text => readCount(text) === undefined || String(readCount(text)) === text))
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), text => base64(text)?.toString('base64') === text || base64(text) === undefined),
    )
  })
})

describe('proofs in files', () => {
  const proof = { seq: 1, hashes: [leafHash(Buffer.from('a'))], checkpoint: cosigned }
  const text = proofText(proof)

  it('proves an event to whoever has the key', () => {
    expect(readProof(text)).toEqual(proof)
    const proven = verifyProof(text, Buffer.from('b'), log, [witness])
    expect(proven).toMatchObject({ seq: 1, checkpoint: { size: 2, witnesses: [{ name: witness.name }] } })
  })

  it('takes extra data of others', () => {
    const more = text.replace('\n', '\nextra YWdl\n')
    expect(verifyProof(more, Buffer.from('b'), log)).toMatchObject({ seq: 1 })
    expect(readProof(more.replace('YWdl', 'YWd'))).toBeTypeOf('string')
  })

  it('attack: another event, another place, another log', () => {
    expect(verifyProof(text, Buffer.from('c'), log)).toContain('not number 1')
    expect(verifyProof(text, Buffer.from('b\n'), log)).toContain('not number 1')
    expect(verifyProof(text.replace('index 1', 'index 0'), Buffer.from('b'), log)).toContain('not number 0')
    expect(verifyProof(text, Buffer.from('b'), { ...log, origin: 'x' })).toContain('checkpoint is of the log')
    expect(verifyProof(text.replace('index 1', 'index 2'), Buffer.from('b'), log)).toBeTypeOf('string')
  })

  it('attack: no proof with any bit changed proves the event anew', () => {
    const bytes = Buffer.from(proofText({ ...proof, checkpoint: signed }))
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(verifyProof(changed.toString(), Buffer.from('b'), log)).toBeTypeOf('string')
    }
  })

  it.each([
    ['another header', text.replace('@v1', '@v2')],
    ['no index', text.replace('index 1\n', '')],
    ['a word for an index', text.replace('index 1', 'index one')],
    ['a negative index', text.replace('index 1', 'index -1')],
    ['a hash that is none', text.replace('index 1', 'index 1\n!!notbase64!!')],
    ['a long hash', text.replace('index 1', `index 1\n${Buffer.alloc(64).toString('base64')}`)],
    ['too many hashes', text.replace('index 1', `index 1\n${Array(63).fill(Buffer.alloc(32).toString('base64')).join('\n')}`)],
    ['no blank line', text.replace('\n\n', '\n')],
    ['no end', 'a'.repeat(80_000)],
  ])('attack: a proof with %s is none', (_what, changed) => {
    expect(verifyProof(changed, Buffer.from('b'), log)).toBeTypeOf('string')
  })

  it('reads whatever comes without a throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary-ascii' }), any => isFault(verifyProof(any, Buffer.from('b'), log))))
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(text.length), fc.string(), (from, to, put) => {
        const changed = text.slice(0, Math.min(from, to)) + put + text.slice(Math.max(from, to))
        const proven = verifyProof(changed, Buffer.from('b'), log)
        expect(isFault(proven) || (proven.seq === 1 && proven.checkpoint.size === 2)).toBe(true)
      }),
    )
  })
})
