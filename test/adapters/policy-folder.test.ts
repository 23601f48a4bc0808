// A folder of policies on disk: nothing in it holds the reader up or fills its memory, and files of two moments never make one set.

import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readPolicyFolder } from '../../src/adapters/policy-folder.ts'
import { readStillFolder } from '../../src/adapters/still-policy-folder.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gatehouse-folder-'))
  mkdirSync(join(dir, 'authz'))
  write('authz/a.cedar', 'permit a;')
  write('authz/b.cedar', 'forbid b;')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))
const write = (name: string, text: string): void => writeFileSync(join(dir, name), text)
const texts = (folder: { readonly policies: readonly { readonly text: string }[] }): string[] => folder.policies.map(({ text }) => text)

it('attack: a folder that is swapped while it is read: what is read is the one or the other, never half of each', async () => {
  let reads = 0
  const { folder } = await readStillFolder(dir, async place => {
    const found = await readPolicyFolder(place)
    // the forbid moves from one file into the other, between the reading of the two
    if (++reads === 1) {
      write('authz/a.cedar', 'permit a; forbid b;')
      write('authz/b.cedar', '// empty')
      return { ...found, policies: [{ ...found.policies[0]! }, { ...found.policies[1]!, text: '// empty' }] }
    }
    return found
  })
  expect(reads).toBe(2)
  expect(texts(folder)).toEqual(['permit a; forbid b;', '// empty'])
})
it('attack: a link that is swapped to another folder while it is read', async () => {
  const other = mkdtempSync(join(tmpdir(), 'gatehouse-folder-'))
  cpSync(dir, other, { recursive: true })
  writeFileSync(join(other, 'authz/a.cedar'), 'permit c;')
  let reads = 0
  const { folder } = await readStillFolder(dir, async place => {
    const found = await readPolicyFolder(place)
    if (++reads === 1) {
      renameSync(join(dir, 'authz'), join(dir, 'old'))
      renameSync(join(other, 'authz'), join(dir, 'authz'))
    }
    return found
  })
  rmSync(other, { recursive: true })
  expect([reads, ...texts(folder)]).toEqual([2, 'permit c;', 'forbid b;'])
})
it('attack: a folder that never stands still is a fault, and nothing of it is taken', async () => {
  let reads = 0
  const { folder } = await readStillFolder(dir, async place => {
    const found = await readPolicyFolder(place)
    write('authz/a.cedar', `permit a; // ${'x'.repeat(++reads)}`)
    return found
  })
  expect(folder).toMatchObject({ policies: [], cases: [], faults: [{ message: 'the folder changes while it is read' }] })
  expect(reads).toBeLessThan(10)
})
it('more than is read of one folder is a fault, however few its files: what is behind might be a forbid', async () => {
  for (let i = 0; i < 17; i += 1) write(`authz/c${String(i).padStart(2, '0')}.cedar`, '/'.repeat(1_048_000))
  write('authz/z.cedar', 'forbid z;')
  expect((await readPolicyFolder(dir)).faults).toMatchObject([{ message: expect.stringContaining('bytes in one folder') }])
})
it('files that the gateway’s user may not read are faults, not rules that are gone', () => {
  chmodSync(dir, 0o755)
  chmodSync(join(dir, 'authz'), 0o755)
  chmodSync(join(dir, 'authz/b.cedar'), 0)
  const script = `import { readPolicyFolder } from ${JSON.stringify(fileURLToPath(new URL('../../src/adapters/policy-folder.ts', import.meta.url)))}
    const { faults } = await readPolicyFolder(${JSON.stringify(dir)})
    console.log(JSON.stringify(faults))`
  // Root may read everything: somebody else looks.
  const uid = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { ...uid, encoding: 'utf8', env: {} })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject([{ file: 'authz/b.cedar', message: 'cannot be read' }])
})
