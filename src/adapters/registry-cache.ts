// The last word of another registry, in `<dataDir>/registry-from/<server>/`: one version of each server, with the documents it needs. Judged anew whenever it is read.

import { hash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { isUtf8 } from 'node:buffer'
import { join } from 'node:path'
import { readPrivate, replacePrivate } from './private-text.ts'

/** `body`: as it came. */
export type KeptAnswer = { readonly atMs: number; readonly body: Buffer }
type Dated = { readonly of: string; readonly atMs: number }

const MAX_BYTES = 48 * 1024 * 1024

export class RegistryCache {
  readonly #folder: string
  readonly #url: string

  constructor(folder: string, url: string) {
    this.#folder = folder
    this.#url = url
  }

  /** What cannot be read was never kept. */
  async find(name: string, version: string): Promise<KeptAnswer | undefined> {
    const dated = await this.#dated(name)
    if (dated?.of !== this.#of(name, version)) return undefined
    const body = await this.#read(name, 'answer.json')
    return body && { atMs: dated.atMs, body }
  }

  /** Whatever was kept of another version of the server goes. */
  async put(name: string, version: string, { body, atMs }: KeptAnswer): Promise<void> {
    const of = this.#of(name, version)
    const folder = this.#place(name)
    if ((await this.#dated(name))?.of !== of) await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    // The date first away and last back: without it the rest counts for nothing, and what it was before is never taken for what it is now.
    await rm(join(folder, 'date.json'), { force: true })
    await replacePrivate(join(folder, 'answer.json'), body.toString('utf8'))
    await this.#write(name, { of, atMs })
  }
  async date(name: string, version: string, atMs: number): Promise<void> {
    const dated = await this.#dated(name)
    if (dated?.of === this.#of(name, version)) await this.#write(name, { ...dated, atMs })
  }

  async forget(name: string, version: string): Promise<void> {
    if ((await this.#dated(name))?.of === this.#of(name, version)) await rm(this.#place(name), { recursive: true, force: true })
  }

  async document(name: string, version: string, sha256: string): Promise<Buffer | undefined> {
    return (await this.#dated(name))?.of === this.#of(name, version) ? this.#read(name, `${sha256}.txt`) : undefined
  }
  async putDocument(name: string, version: string, sha256: string, bytes: Buffer): Promise<void> {
    if (!isUtf8(bytes) || (await this.#dated(name))?.of !== this.#of(name, version)) return
    await replacePrivate(join(this.#place(name), `${sha256}.txt`), bytes.toString('utf8'))
  }

  readonly #of = (name: string, version: string): string => hash('sha256', JSON.stringify([this.#url, name.toLowerCase(), version]))
  readonly #place = (name: string): string => join(this.#folder, hash('sha256', name.toLowerCase()).slice(0, 32))
  readonly #write = (name: string, dated: Dated): Promise<void> =>
    replacePrivate(join(this.#place(name), 'date.json'), JSON.stringify(dated))

  async #dated(name: string): Promise<Dated | undefined> {
    try {
      const { of, atMs } = JSON.parse((await this.#read(name, 'date.json'))?.toString() ?? '') as Readonly<Record<string, unknown>>
      return typeof of === 'string' && typeof atMs === 'number' ? { of, atMs } : undefined
    } catch {
      return undefined
    }
  }
  async #read(name: string, file: string): Promise<Buffer | undefined> {
    const text = await readPrivate(join(this.#place(name), file), MAX_BYTES).catch(() => undefined)
    return text === undefined ? undefined : Buffer.from(text)
  }
}
