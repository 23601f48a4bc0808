// The commands of docs/runbooks/trust.md, in their order, as they stand there; only the documents they name are given.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { TrustClient } from '../../src/adapters/tuf/trust-client.ts'
import { floors, policies, revocations, trustedRoot } from '../adapters/tuf/world.ts'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/runbooks/trust.md'), 'utf8')
const parts = page.split(/^## /m).slice(1).map(part => ({ title: part.split('\n')[0] ?? '', blocks: [...part.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = '']) => code) })) // prettier-ignore
const GATEHOUSE = `gatehouse() { '${process.execPath}' '${join(ROOT, 'src/cli.ts')}' "$@"; }\n`

describe('the runbook of trust', () => {
  let cwd: string
  let gateway: TrustClient | undefined
  beforeAll(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'runbook-'))
    writeFileSync(join(cwd, 'trusted_root.json'), trustedRoot())
    writeFileSync(join(cwd, 'policies.json'), policies('alice@acme.com'))
    writeFileSync(join(cwd, 'floors.json'), floors(7))
    writeFileSync(join(cwd, 'revocations.json'), revocations('1.0.0'))
    const issuer = '{ issuer: https://id.example, grant: [{ everyone: true, scopes: ["*"] }] }'
    writeFileSync(join(cwd, 'gatehouse.yaml'), `version: 1\ndataDir: data\nidentity: { issuers: [${issuer}] }\n`)
    mkdirSync(join(cwd, 'data'), { mode: 0o700 })
    await (await openStateDb(join(cwd, 'data/state.db'))).close()
  })
  afterAll(() => rmSync(cwd, { recursive: true, force: true }))

  /** Runs a block of the page; what it says, its warnings included. */
  const run = (code: string): string => {
    const { status, stdout, stderr } = spawnSync('bash', ['-euc', GATEHOUSE + code], {
      cwd,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    return stdout + stderr
  }
  /** One gateway for the whole page: it pinned the first root and never forgets. */
  const follow = async () => {
    const trustFolder = join(cwd, 'data/trust')
    mkdirSync(trustFolder, { recursive: true, mode: 0o700 })
    gateway ??= new TrustClient({
      place: { kind: 'folder', folder: join(cwd, 'trust') },
      trustFolder,
      pinnedRoot: readFileSync(join(cwd, 'trust/metadata/1.root.json')),
      floors: new FloorFile(trustFolder),
      now: Date.now,
    })
    return gateway.refresh()
  }

  it('has commands under each of its headings but the last', () => {
    expect(parts.filter(({ blocks }) => blocks.length === 0).map(({ title }) => title)).toEqual(['A gateway that follows a repository'])
  })

  const told: Readonly<Record<string, RegExp>> = {
    Ceremony: /a new gateway believes all of it/,
    'Change what is signed': /taken up: namespaces/,
    Renew: /taken up: targets, namespaces/,
    'Lost or stolen key of a keyholder': /root {8}version 2.*2 of 3 keys/,
    'Stolen machine, stolen online key': /root {8}version 3/,
    'Backup and restore': /a new gateway believes all of it/,
    'A gateway is restored': /nothing went back since/,
    'Trying it out': /EVALUATION: one key signs everything/,
  }
  for (const { title, blocks } of parts.slice(0, -1))
    it(`does what it says: ${title}, and a gateway follows`, { timeout: 120_000 }, async () => {
      expect(blocks.map(run).join('')).toMatch(told[title] ?? /^there is no such heading$/)
      const { refused, seen } = await follow()
      expect(refused).toEqual([])
      expect(seen.isEvaluation).toBe(false)
      expect(seen.documents.revocations?.versions.has('com.acme/weather@1.0.0') ?? false).toBe(title !== 'Ceremony')
      expect(seen.documents.floors?.get('com.acme/weather')).toBe(title === 'Ceremony' ? undefined : 7)
    })
})
