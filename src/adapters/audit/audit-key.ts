// The key that signs checkpoints, and the files that tell others its public half.

import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCheckpoint } from '../../audit/checkpoint.ts'
import { isKeyName, noteKey, vkeyOf } from '../../audit/note.ts'
import { Fault } from '../../kernel/errors.ts'
import { loadKeyFile, rotateKeyFile } from '../key-file.ts'
import { replaceSyncedFile } from '../synced-file.ts'
import type { EndedLog, Floor } from './floor.ts'

const KEY_FILE = { name: 'audit.key', lost: 'the audit log cannot go on under its name; a new one begins with `gatehouse audit begin`' }
/** DER of an Ed25519 private key up to its 32 bytes (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** `previous`: the generation before, where the key was rotated. */
export type AuditKeys = { readonly current: KeyObject; readonly previous?: KeyObject }

/** `<dataDir>/keys/audit.key`, made with mode 0600 where there is none. Throws the Faults of loadKeyFile. */
export function loadAuditKeys(dataDir: string): AuditKeys {
  const { current, previous } = loadKeyFile(dataDir, KEY_FILE)
  return { current: keyOf(current), ...(previous && { previous: keyOf(previous) }) }
}

/**
 * A new generation; the one before stays beside it, and signs until the log says which comes next. Throws Fault `audit-key-waiting` where the newest one never
 * signed: the file holds two, and the one that the log is known by must not be the one that is forgotten.
 */
export function rotateAuditKey(dataDir: string, { last }: Floor): void {
  const isSigned = ({ note, origin }: NonNullable<Floor['last']>): boolean =>
    typeof openCheckpoint(note, { origin, keys: [noteKey(origin, 0x01, loadAuditKeys(dataDir).current)] }) !== 'string'
  if (last && !isSigned(last))
    throw new Fault(
      'audit-key-waiting',
      'the newest key of the audit log does not sign yet: it does seconds after the running gateway has said so in its log; rotate it again then',
    )
  rotateKeyFile(dataDir, KEY_FILE)
}

const keyOf = (seed: Uint8Array): KeyObject => createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })

/** The public half as verifiers are given it. */
export const auditVkey = (origin: string, key: KeyObject): string => vkeyOf(noteKey(origin, 0x01, key))

/** `key.vkey`: the key in use; `keys`: all of them, one a line, the one in use last. For others to read; nothing here believes them. */
export function publishVkeys(dir: string, vkeys: readonly string[]): void {
  replaceWhereNew(join(dir, 'key.vkey'), `${vkeys.at(-1) ?? ''}\n`)
  replaceWhereNew(join(dir, 'keys'), vkeys.map(vkey => `${vkey}\n`).join(''))
}

/** What `keys` says; [] where there is none. */
export const vkeysIn = (dir: string): readonly string[] => {
  const file = join(dir, 'keys')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
}

/**
 * The name of a log that begins: `wanted`, or the one in `<dir>/origin`, or one made of `host` and a number nobody else has. Kept in that file. Throws Fault
 * `audit-origin-ended` for the name of a log that ended: two logs under one name are what witnesses call a fork.
 */
export function originOf(dir: string, wanted: string | undefined, { host, ended }: { host: string; ended: readonly EndedLog[] }): string {
  const file = join(dir, 'origin')
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trimEnd() : undefined
  const origin = wanted ?? kept ?? `${host}/${randomBytes(4).toString('hex')}`
  if (!isKeyName(origin) || origin.length > 255)
    throw new Fault('audit-origin-invalid', `\`${file}\`: expected a name without spaces and \`+\`; remove the file or mend it`)
  if (ended.some(log => log.origin === origin))
    throw new Fault(
      'audit-origin-ended',
      `\`${origin}\` is the name of an audit log that ended, and a name is never used again: set another \`audit.origin\` in the configuration, or none; where the ended log was put back into \`${dir}\`, take it away, or end what is there (\`gatehouse audit begin\`)`,
    )
  replaceWhereNew(file, `${origin}\n`)
  return origin
}

function replaceWhereNew(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  replaceSyncedFile(file, 'audit', text)
}
