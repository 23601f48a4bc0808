// A start that fails ends its process: a supervisor sees it, and the next start finds the audit log unlocked.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

it(
  'serve ends with 1 and its reason where the pinned root of its trust repository is absent, and again: nothing keeps the lock',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-serve-'))
    try {
      const config = join(folder, 'gatehouse.yaml')
      const repository = '{ url: https://trust.example.com/, root: absent.json }'
      writeFileSync(
        config,
        `version: 1\nlisten: 127.0.0.1:${await freePort()}\ndataDir: data\nidentity: { issuers: [{ issuer: https://issuer.test }] }\nregistry: { repository: ${repository} }\n`,
        { mode: 0o600 },
      )
      const started = (): Promise<readonly [unknown, string]> =>
        new Promise(resolve => {
          execFile(process.execPath, [cli, 'serve', '--config', config], { timeout: 50_000 }, (error, _out, err) =>
            resolve([error?.code, err]),
          )
        })
      for (const [code, said] of [await started(), await started()]) {
        expect(code).toBe(1)
        expect(said).toContain('gatehouse serve: cannot read the pinned root')
        expect(said).not.toContain('another gateway')
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
