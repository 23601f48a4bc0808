// Which checkpoints a log keeps: the newest, one an hour, and whatever its witnesses signed last.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TreeFile } from '../../../src/adapters/audit/tree-file.ts'

let dir: string
let file: TreeFile
let size: number
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tree-file-'))
  file = TreeFile.open(dir)
  size = 0
})
afterEach(() => {
  file.close()
  rmSync(dir, { recursive: true })
})

const BEGIN = Date.UTC(2026, 6, 28)
/** One checkpoint a minute, each of one event more. */
function sign(count: number): void {
  for (let i = 0; i < count; i += 1) {
    size += 1
    const time = new Date(BEGIN + size * 60_000).toISOString()
    file.grow({ tiles: [], segments: [], checkpoint: { size, root: Buffer.alloc(32, 1), time, note: `note ${size}` } })
  }
}
const cosign = (name: string): void =>
  file.witnessed({ name, size, time: new Date(BEGIN + size * 60_000).toISOString(), note: `note ${size} by ${name}` })
/** Those kept besides the newest thousand, oldest first. */
const older = (): string[] =>
  file
    .checkpoints(100_000)
    .slice(1000)
    .map(({ note }) => note)
    .reverse()

it('attack: a witness that is kept away for long loses no signature that it gave; there is one for each, however often it was away', () => {
  sign(20)
  cosign('a')
  sign(1)
  cosign('b')
  sign(1060)
  expect(older()).toEqual(['note 1', 'note 20 by a', 'note 21 by b', 'note 60'])
  cosign('a')
  expect(older()).toEqual(['note 1', 'note 21 by b', 'note 60'])
})
