// The gateway's symmetric keys and where they come from: a file of its own, or for the vault also a file, variable or command that the configuration names.

import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { KeySource } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import type { SealingKeys } from '../kernel/seal.ts'
import { loadKeyFile, MAX_KEY_BYTES, parseKeys, rotateKeyFile, type KeyFile } from './key-file.ts'

const SEALING: KeyFile = { name: 'sealing.key', lost: 'open request states, cursors and task ids then end' }
const VAULT: KeyFile = { name: 'vault.key', lost: 'everybody must then connect their accounts anew' }
const AUDIT_VALUES: KeyFile = { name: 'audit-values.key', lost: 'contents that rules recorded before can then be read no more' }
const COMMAND_MS = 10_000

/** The keys of `keys/sealing.key`, made when it is not there. Faults: see `loadKeyFile`. */
export const loadSealingKeys = (dataDir: string): SealingKeys => loadKeyFile(dataDir, SEALING)

/** A new generation of `keys/sealing.key`; what two generations ago sealed no longer opens. */
export const rotateSealingKeys = (dataDir: string): SealingKeys => rotateKeyFile(dataDir, SEALING)

/** A new generation of `keys/vault.key`. Only after everything was sealed with the current one: what two generations ago sealed is lost. */
export const rotateVaultKeys = (dataDir: string): SealingKeys => rotateKeyFile(dataDir, VAULT)

/** The keys of `keys/audit-values.key`, made when it is not there. Faults: see `loadKeyFile`. */
export const loadAuditValueKeys = (dataDir: string): SealingKeys => loadKeyFile(dataDir, AUDIT_VALUES)

/** A new generation of `keys/audit-values.key`. Only after everything was wrapped with the current one. */
export const rotateAuditValueKeys = (dataDir: string): SealingKeys => rotateKeyFile(dataDir, AUDIT_VALUES)

export type VaultKeyOptions = {
  readonly dataDir: string
  /** where the configuration says it is; absent: `keys/vault.key`, made when it is not there */
  readonly source?: KeySource | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * The vault's keys. Throws what `loadKeyFile` throws, or Fault `key-source-failed`, which names the source and never repeats what it gave: no file,
 * variable or command means no vault, never a new key.
 */
export async function loadVaultKeys({ dataDir, source, environment }: VaultKeyOptions): Promise<SealingKeys> {
  if (source === undefined) return loadKeyFile(dataDir, VAULT)
  const text = await textOf(source, environment)
  const keys = parseKeys(text.endsWith('\n') ? text : `${text}\n`)
  if (keys === undefined)
    throw new Fault(
      'key-source-failed',
      `expected the vault key as one or two lines \`v1 <43 characters of base64url>\` from ${nameOf(source)}, got something else`,
    )
  return keys
}

async function textOf(source: KeySource, environment: VaultKeyOptions['environment']): Promise<string> {
  try {
    if (source.from === 'env') return environment[source.name] ?? ''
    return await (source.from === 'file' ? readFile(source.file) : output(source.command, environment))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new Fault('key-source-failed', `no vault key from ${nameOf(source)} (${code ?? 'unknown error'})`)
  }
}

/** Links may lead to it, as they do where secrets are mounted; a pipe may not hold the start up. */
async function readFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) return ''
    const bytes = Buffer.alloc(MAX_KEY_BYTES + 1)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    return bytes.toString('latin1', 0, bytesRead)
  } finally {
    await file.close()
  }
}

/** No shell. It gets the gateway's environment, where a key service's own credentials are. What it prints on standard error is dropped: it may quote the key. */
function output([program = '', ...args]: readonly string[], environment: VaultKeyOptions['environment']): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: environment, timeout: COMMAND_MS, killSignal: 'SIGKILL', maxBuffer: MAX_KEY_BYTES, encoding: 'latin1' } as const
    const child = execFile(program, args, options, (error, stdout) => {
      if (error) reject(Object.assign(new Error('the command failed'), { code: error.code }))
      else resolve(stdout)
    })
    child.stdin?.end()
  })
}

function nameOf(source: KeySource): string {
  if (source.from === 'env') return `the environment variable \`${source.name}\``
  return source.from === 'file' ? `\`${source.file}\`` : `the command \`${source.command[0] ?? ''}\``
}
