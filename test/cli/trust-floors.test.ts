// A copy of floors that is kept elsewhere: what it tells of a folder `trust` that somebody put an older one in the place of.

import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { floors, revocations, World } from '../adapters/tuf/world.ts'
import { gatehouse, NOW, type Run } from './io.ts'

let world: World
let cwd: string
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  world = new World(NOW)
  cwd = mkdtempSync(join(tmpdir(), 'floors-'))
})
afterEach(() => {
  vi.useRealTimers()
  world.remove()
  rmSync(cwd, { recursive: true, force: true })
})
const run = (...argv: readonly string[]): Promise<Run> => gatehouse(['trust', 'floors', world.folder, ...argv], { cwd, now: Date.now })
async function see(sequence: number, ...revoked: readonly string[]): Promise<void> {
  world.put('namespaces/floors.json', floors(sequence))
  world.put('revocations/revocations.json', revocations(...revoked))
  world.publish()
  await world.client().refresh()
}

describe('gatehouse trust floors', () => {
  it('says that nothing went back while everything only rose', async () => {
    await see(7)
    expect(await run('--export', 'copy.json')).toMatchObject({ code: 0, out: expect.stringContaining('keep it where nobody') as string })
    expect(await run('--check', 'copy.json')).toMatchObject({ code: 0, out: 'nothing went back since 2026-11-21T12:00:00.000Z\n' })
    vi.setSystemTime(NOW + 600_000)
    await see(8, '1.0.0')
    expect(await run('--check', 'copy.json')).toMatchObject({ code: 0 })
    expect((await run()).out).toContain('com.acme/weather  8 or above\n')
  })

  it('names each thing that an older folder in its place takes back', async () => {
    await see(7, '0.9.0')
    cpSync(world.trust, join(cwd, 'older'), { recursive: true })
    vi.setSystemTime(NOW + 600_000)
    await see(9, '0.9.0', '1.0.0')
    await run('--export', 'copy.json')
    rmSync(world.trust, { recursive: true })
    renameSync(join(cwd, 'older'), world.trust)
    const { code, out } = await run('--check', 'copy.json', '--json')
    expect(code).toBe(1)
    expect((JSON.parse(out) as { wentBack: string[] }).wentBack).toEqual([
      'the floor of com.acme/weather was 9 and is 7',
      ...['index', 'namespaces', 'revocations', 'snapshot', 'targets', 'timestamp'].map(
        role => `${role} metadata was version 2 and is version 1`,
      ),
      'of 2 revocations 1 are left',
      'the repository was last asked at 2026-11-21T12:10:00.000Z, and now it says 2026-11-21T12:00:00.000Z',
    ])
  })

  it('names what is gone, and other metadata under a version that was seen', async () => {
    await see(7)
    await run('--export', 'copy.json')
    const file = join(world.trust, 'tuf.json')
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { metadata: Record<string, string> }
    kept.metadata['revocations'] = `${kept.metadata['revocations'] ?? ''} `
    writeFileSync(file, JSON.stringify(kept))
    rmSync(join(world.trust, 'floors.json'))
    expect((await run('--check', 'copy.json')).out).toBe(
      'since 2026-11-21T12:00:00.000Z this went back:\n  the floor of com.acme/weather was 7 and is gone\n  revocations metadata of version 1 is another one\n',
    )
    rmSync(world.trust, { recursive: true })
    expect((await run('--check', 'copy.json')).out).toMatch(/root metadata was version 1 and is gone.*and now it says never/s)
  })

  it('takes no copy that was damaged, and no two acts at once', async () => {
    await see(7)
    for (const text of ['', '{}', '{"version":1,"exported":"2026-11-21T12:00:00Z","floors":{"a/b":0},"metadata":{}}']) {
      writeFileSync(join(cwd, 'copy.json'), text)
      expect(await run('--check', 'copy.json')).toMatchObject({ code: 1, err: expect.stringContaining('copy of floors:') as string })
    }
    expect(await run('--check', 'copy.json', '--export', 'copy.json')).toMatchObject({ code: 2 })
    expect(await run('--check', 'absent.json')).toMatchObject({ code: 2 })
  })

  it('finds the data directory in the configuration where none is named', async () => {
    await see(7)
    const issuer = '{ issuer: https://id.example, grant: [{ everyone: true, scopes: ["*"] }] }'
    writeFileSync(join(cwd, 'gatehouse.yaml'), `version: 1\ndataDir: ${world.folder}\nidentity: { issuers: [${issuer}] }\n`)
    const { code, err } = await gatehouse(['trust', 'floors'], { cwd, now: Date.now })
    expect([code, err]).toEqual([0, ''])
    expect(await gatehouse(['trust', 'floors', '--config', 'absent.yaml'], { cwd })).toMatchObject({ code: 3 })
  })
})
