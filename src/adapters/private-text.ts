// Small files that only their owner may read: made with mode 0600 from their first moment, replaced whole, refused when others could have read them.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { Fault } from '../kernel/errors.ts'

/** The text of a private file, or undefined when there is none. Throws Fault `private-file-unsafe` naming the path, never the content. */
export async function readPrivate(path: string, maxBytes: number): Promise<string | undefined> {
  let file
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Fault('private-file-unsafe', `\`${path}\` cannot be opened as a regular file`, { cause })
  }
  try {
    const found = await file.stat()
    const uid = process.geteuid?.() // undefined on Windows, where the folder's own ACL counts
    if (!found.isFile() || found.size > maxBytes) throw new Fault('private-file-unsafe', `\`${path}\` is not a small regular file`)
    if (uid !== undefined && (found.uid !== uid || (found.mode & 0o077) !== 0))
      throw new Fault('private-file-unsafe', `\`${path}\` may be used by others; remove it and start again`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** The token in a private file; undefined where it holds none. Throws as readPrivate. */
export async function readBearer(path: string): Promise<string | undefined> {
  const token = (await readPrivate(path, 16_384))?.trim()
  return token !== undefined && /^[\x21-\x7e]+$/.test(token) ? token : undefined
}

/** Replaces the file whole: a reader, or a crash, sees the old text or the new one. */
export const replacePrivate = (path: string, text: string): Promise<void> => place(path, text, rename)

/** Makes the file unless there is one; the text that is in it afterwards. Two processes that start at once get the same. */
export async function createPrivate(path: string, text: string, maxBytes: number): Promise<string> {
  await place(path, text, async (from, to) => {
    await link(from, to).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
    await rm(from)
  })
  return (await readPrivate(path, maxBytes)) ?? text
}

async function place(path: string, text: string, move: (from: string, to: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await move(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
