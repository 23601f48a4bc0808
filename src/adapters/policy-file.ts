// One file of policies, read without waiting for anybody and without taking more than fits.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { MAX_FILE_BYTES } from '../policy/load.ts'

/** Why a file was not read, and what mends it. */
export type Unread = { readonly message: string; readonly fix: string }

const WHY = {
  folder: { message: 'is a folder', fix: 'expected files and nothing below them' },
  special: { message: 'is neither a file nor a link to one', fix: 'expected files and nothing below them' },
  growing: { message: 'grows while it is read', fix: 'write it elsewhere and move it here' },
  large: { message: `expected at most ${MAX_FILE_BYTES} bytes`, fix: 'split it into several files' },
  unreadable: { message: 'cannot be read', fix: 'let the gateway’s user read it' },
} as const satisfies Readonly<Record<string, Unread>>

/** Waits for nobody and reads no more than it may: what lies in the folder may be a pipe, a device, or grow while it is read. */
export async function readPolicyFile(path: string): Promise<Buffer | Unread> {
  // Without O_NONBLOCK the opening of a pipe waits until somebody writes into it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (!file) return WHY.unreadable
  try {
    const found = await file.stat()
    if (!found.isFile()) return found.isDirectory() ? WHY.folder : WHY.special
    if (found.size > MAX_FILE_BYTES) return WHY.large
    const bytes = Buffer.alloc(found.size + 1)
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
      if (bytesRead === 0) return bytes.subarray(0, length)
      length += bytesRead
    }
    return WHY.growing
  } catch {
    return WHY.unreadable
  } finally {
    await file.close()
  }
}
