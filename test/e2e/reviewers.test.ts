// Reviewers with keys, end to end: who can write into the folder of admissions and holds no key admits nothing, and brings nothing back.

import { generateKeyPairSync } from 'node:crypto'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { beside, reasonOf, start } from './support/reviewed.ts'

const KEY = join(beside, 'ann.key')
const PUBLIC = join(beside, 'ann.pem')
beforeAll(() => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  writeFileSync(KEY, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(PUBLIC, publicKey.export({ type: 'spki', format: 'pem' }))
})
const reviewed = () => start(Infinity, {}, { reviewers: { ann: { publicKey: PUBLIC } } })

describe('reviewers with keys', () => {
  it('attack: whoever can write into the folder, but holds no key of a reviewer, admits nothing', async () => {
    const { call, cli, look, folder } = await reviewed()
    const approve = ['server', 'approve', 'weather', ...(await look()), '--reviewer', 'ann']
    expect(await cli(...approve)).toMatchObject({ code: 2 })
    expect(await cli(...approve, '--key', KEY)).toMatchObject({ code: 0 })
    await expect.poll(async () => reasonOf(await call())).toBe(undefined)
    const statement = join(folder, 'admissions', 'weather.json')
    writeFileSync(statement, readFileSync(statement, 'utf8').replace('"timeVerified":"2026', '"timeVerified":"2025'))
    await expect.poll(async () => reasonOf(await call())).toBe('quarantined')
    expect((await call()).body.error.message).toContain('its admission is not what was signed')
  })

  it('attack: an older admission is put back, signature and all, after a reviewer took it back: it is refused and named; approving again ends that', async () => {
    const { call, cli, look, folder, events } = await reviewed()
    const approve = async () => cli('server', 'approve', 'weather', ...(await look()), '--reviewer', 'ann', '--key', KEY)
    expect(await approve()).toMatchObject({ code: 0 })
    await expect.poll(async () => reasonOf(await call())).toBe(undefined)
    const [admissions, backup] = [join(folder, 'admissions'), join(folder, 'backup')]
    cpSync(admissions, backup, { recursive: true })
    expect(await cli('server', 'quarantine', 'weather', '--why', 'it phones home', '--reviewer', 'ann', '--key', KEY)).toMatchObject({
      code: 0,
    })
    expect(existsSync(join(admissions, 'weather.sigstore.json'))).toBe(true)
    await expect.poll(async () => (await call()).body.error?.message).toContain('`ann` has put it in quarantine')
    rmSync(admissions, { recursive: true })
    cpSync(backup, admissions, { recursive: true })
    await expect.poll(async () => (await call()).body.error?.message).toContain('an old decision was put back')
    expect(reasonOf(await call())).toBe('quarantined')
    expect(events('admission').at(-1)!['detail']).toMatchObject({ verdict: 'unreadable', why: expect.stringContaining('older than') })
    for (const words of [['server', 'list'], ['server', 'diff', 'weather'], ['doctor']])
      expect((await cli(...words)).out).toContain('an old decision was put back')
    // The clock of this reviewer stands still: a decision is later than the last one all the same.
    expect(await approve()).toMatchObject({ code: 0 })
    await expect.poll(async () => reasonOf(await call())).toBe(undefined)
  })

  it('a decision is not made while the last one lies in the future', async () => {
    const { cli, look, folder } = await reviewed()
    const approve = async () => cli('server', 'approve', 'weather', ...(await look()), '--reviewer', 'ann', '--key', KEY)
    expect(await approve()).toMatchObject({ code: 0 })
    await expect.poll(() => existsSync(join(folder, 'data', 'trust', 'admissions.json'))).toBe(true)
    const floors = join(folder, 'data', 'trust', 'admissions.json')
    writeFileSync(floors, readFileSync(floors, 'utf8').replace('2026-11-21', '2026-11-22'))
    expect(await approve()).toMatchObject({ code: 2, err: expect.stringContaining('which lies in the future') })
  })
})
