// What `/readyz` says of the witnesses of the audit log.

import { expect, it } from 'vitest'
import { watchWitnesses } from '../../src/compose/witnesses.ts'
import { noteKey, vkeyOf } from '../../src/audit/note.ts'
import { MemoryReader } from '../support/memory-reader.ts'
import { seededKey } from '../support/signed-log.ts'

const NAME = 'witness.example/w1'
const configured = [{ url: 'https://witness.example', key: vkeyOf(noteKey(NAME, 0x04, seededKey(2))) }]

it('attack: a witness that saw another history is named at once; one that is late, after ten minutes; serving goes on', async () => {
  let now = 0
  const reader = new MemoryReader()
  const watch = watchWitnesses(configured, { reader, monotonic: () => now })
  expect(watch.dependencies()).toEqual([{ name: `witness ${NAME}`, state: 'ready' }])
  reader.standing = { checkpoint: { size: 7, root: '', time: '', note: '' } }
  await watch.look()
  now = 599_000
  expect(watch.dependencies()).toMatchObject([{ state: 'ready' }])
  watch.hear({ witness: NAME, trouble: 'away', why: 'fetch-failed' })
  now = 600_000
  expect(watch.dependencies()).toEqual([
    { name: `witness ${NAME}`, state: 'degraded', detail: 'it did not sign 7 events for 600 s: fetch-failed' },
  ])
  watch.hear({ witness: NAME })
  expect(watch.dependencies()[0]?.detail).toBe('it did not sign 7 events for 600 s')
  reader.standing = { ...reader.standing, witnesses: [{ name: NAME, size: 7, time: '' }] }
  await watch.look()
  expect(watch.dependencies()).toMatchObject([{ state: 'ready' }])
  watch.hear({ witness: NAME, trouble: 'contradicted', why: 'it saw another history' })
  expect(watch.dependencies()).toEqual([
    { name: `witness ${NAME}`, state: 'degraded', detail: 'it disputes the audit log: it saw another history' },
  ])
  watch.hear({ code: 'audit-unavailable', error: 'disk full' })
  expect(watch.dependencies()).toMatchObject([{ state: 'degraded' }])
})

it('asks nothing where there is no witness, and survives a log that cannot be read', async () => {
  const reader = new MemoryReader()
  let asked = 0
  reader.state = () => {
    asked += 1
    return Promise.reject(new Error('unreadable'))
  }
  await watchWitnesses([], { reader, monotonic: () => 0 }).look()
  expect(asked).toBe(0)
  await watchWitnesses(configured, { reader, monotonic: () => 0 }).look()
  expect(asked).toBe(1)
})
