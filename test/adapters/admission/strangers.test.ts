// What a server listed besides what it was admitted for, over restarts.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StrangerFile } from '../../../src/adapters/admission/stranger-file.ts'
import { strangerOf } from '../../../src/admission/strangers.ts'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gatehouse-strangers-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))
const STRANGER = strangerOf({ kind: 'tool', name: 'more', standing: 'new' }, 'surface launch time ann')
const never = (): never => {
  throw new Error('nothing fails here')
}

describe('strangers', () => {
  it('attack: a restart does not forget one, nor does that of another server', () => {
    const kept = new StrangerFile(folder, never)
    kept.keep('files', STRANGER)
    kept.keep('__proto__', { ...STRANGER, kind: 'instructions', name: '' })
    const again = new StrangerFile(folder, never)
    expect(again.of('files')).toEqual(STRANGER)
    expect(again.of('__proto__')).toMatchObject({ kind: 'instructions' })
    expect(again.of('other')).toBe(undefined)
  })

  it('counts at once, also where it cannot be kept; that is told', () => {
    const failed: unknown[] = []
    const kept = new StrangerFile(folder, (alias, cause) => failed.push([alias, cause]))
    rmSync(folder, { recursive: true })
    writeFileSync(folder, 'no folder')
    kept.keep('files', STRANGER)
    expect(kept.of('files')).toEqual(STRANGER)
    expect(failed).toEqual([['files', expect.objectContaining({ code: 'strangers-unwritable' })]])
    rmSync(folder)
    mkdirSync(folder)
  })

  it('a name of any length is cut', () =>
    expect(strangerOf({ kind: 'tool', name: `${'x'.repeat(127)}\u{1f600}`, standing: 'new' }, 'd').name).toHaveLength(128))

  it.each([
    '{',
    '{}',
    '{"version":1,"servers":{"files":{"kind":"x","name":"","standing":"new","decision":"d"}}}',
    '{"version":1,"servers":{"files":{"kind":"tool","name":"","standing":"gone","decision":"d"}}}',
    '{"version":1,"servers":{"files":{"kind":"tool","name":"","standing":"new"}}}',
  ])('what cannot be read lets nothing start: %s', text => {
    mkdirSync(join(folder, 'trust'))
    writeFileSync(join(folder, 'trust', 'strangers.json'), text, { mode: 0o600 })
    expect(() => new StrangerFile(folder, never)).toThrow(expect.objectContaining({ code: 'strangers-invalid' }))
  })
})
