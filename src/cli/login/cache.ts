// What `gatehouse login` keeps: one entry per gateway, in a file of the person's own settings folder that nobody else may read.

import { constants } from 'node:fs'
import { mkdir, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../../kernel/errors.ts'
import type { Io } from '../command.ts'
import { codeOf, writeAtomic } from '../files.ts'
import { settingsFolder } from '../settings-folder.ts'

/** Everything that a later command needs; `accessToken` and `refreshToken` are the secrets. */
export type Login = {
  readonly issuer: string
  readonly clientId: string
  readonly accessToken: string
  readonly refreshToken?: string
  readonly expiresAtSeconds: number
}
type Logins = Readonly<Record<string, Login>>

const MAX_BYTES = 1_048_576
/** A lock older than this was left by a command that died. */
const STALE_LOCK_MS = 30_000
const PATIENCE_MS = 35_000

export class LoginCache {
  readonly file: string
  readonly #folder: string
  constructor(io: Io) {
    this.#folder = settingsFolder(io)
    this.file = join(this.#folder, 'logins.json')
  }

  /** The login at a gateway, by its URL. Throws Fault `login-cache-unsafe` when others could have read it; its content is never told. */
  async find(gateway: string): Promise<Login | undefined> {
    const logins = await this.#read()
    return Object.hasOwn(logins, gateway) ? logins[gateway] : undefined
  }

  /**
   * Replaces the login at one gateway by what `change` makes of it (undefined = none any more), alone: of two commands at once the second sees what the
   * first made, so that a refresh token that works once is used once. What `change` throws leaves the file as it is.
   */
  async update(gateway: string, change: (now: Login | undefined) => Promise<Login | undefined>): Promise<Login | undefined> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const unlock = await this.#lock()
    try {
      const { [gateway]: now, ...others } = await this.#read()
      const next = await change(now)
      await writeAtomic(this.file, `${JSON.stringify(next ? { ...others, [gateway]: next } : others, undefined, 2)}\n`, 0o600)
      return next
    } finally {
      await unlock()
    }
  }

  async #lock(): Promise<() => Promise<void>> {
    const path = `${this.file}.lock`
    const until = performance.now() + PATIENCE_MS
    for (;;) {
      try {
        const lock = await open(path, 'wx', 0o600)
        await lock.close()
        return () => rm(path, { force: true })
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
        const age = await stat(path).then(
          ({ mtimeMs }) => Date.now() - mtimeMs,
          () => 0,
        )
        if (age > STALE_LOCK_MS) await rm(path, { force: true })
        else if (performance.now() > until) throw new Fault('login-cache-busy', `another command holds \`${path}\``)
        await wait(50)
      }
    }
  }

  async #read(): Promise<Logins> {
    let file
    try {
      file = await open(this.file, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return {}
      throw new Fault('login-cache-unsafe', `\`${this.file}\` cannot be opened as a regular file`, { cause: error })
    }
    try {
      const found = await file.stat()
      const uid = process.geteuid?.()
      if (!found.isFile() || found.size > MAX_BYTES) throw new Fault('login-cache-unsafe', `\`${this.file}\` is not a small regular file`)
      if (uid !== undefined && (found.uid !== uid || (found.mode & 0o077) !== 0))
        throw new Fault('login-cache-unsafe', `\`${this.file}\` may be used by others; remove it and run \`gatehouse login\` again`)
      return loginsIn(await file.readFile('utf8'))
    } finally {
      await file.close()
    }
  }
}

/** A damaged file holds no login; the next one replaces it. */
function loginsIn(text: string): Logins {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return {}
    return Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, Login] => isLogin(entry[1])))
  } catch {
    return {}
  }
}

function isLogin(value: unknown): value is Login {
  if (typeof value !== 'object' || value === null) return false
  const { issuer, clientId, accessToken, expiresAtSeconds, refreshToken } = value as Record<string, unknown>
  const isText = (x: unknown): boolean => typeof x === 'string' && x !== ''
  return (
    [issuer, clientId, accessToken].every(isText) &&
    Number.isFinite(expiresAtSeconds) &&
    (refreshToken === undefined || isText(refreshToken))
  )
}
