import fc from 'fast-check'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aliasFor } from '../../src/cli/import/alias.ts'
import { CODE, config, CURSOR, cwd, everything, home, memory, put, read, run, TOKEN, VSCODE } from './import-world.ts'

describe('undo', () => {
  it('puts everything back, byte for byte, links and modes too', async () => {
    put('dotfiles/mcp.json', { mcpServers: { memory, gh: { command: 'g', env: { TOKEN } } } }, 0o640)
    mkdirSync(join(home, '.cursor'))
    symlinkSync('../dotfiles/mcp.json', join(home, CURSOR))
    put(CODE, '{"mcpServers":{"m":{"command":"m"}}}\n', 0o600)
    const before = everything()
    await run('--apply')
    expect(everything()['dotfiles/mcp.json']).toMatch(/^640 .*gatehouse/s)
    const { code, out } = await run('--undo')
    expect(code).toBe(0)
    expect(out).toContain('restored gatehouse.yaml')
    const after = everything()
    const kept = Object.entries(after).filter(([name]) => !/backup|\/import\//.test(name))
    expect(Object.fromEntries(kept)).toEqual(before)
    expect((await run('--undo')).out).toBe('there is no import to undo\n')
  })

  it('refuses when a host changed its file since, shows the difference, and obeys --force with a backup', async () => {
    put(CURSOR, { mcpServers: { memory } })
    put(CODE, { mcpServers: { memory } })
    await run('--apply')
    const changed = read(CURSOR).replace('{', '{ "mine": true,')
    put(CURSOR, changed)
    const before = everything()
    const refused = await run('--undo')
    expect(refused.code).toBe(4)
    expect(refused.err).toMatch(/mcp\.json` was changed since[^]*-.*"mine": true/)
    expect(everything()).toEqual(before)
    expect((await run('--undo', '--force')).code).toBe(0)
    expect(JSON.parse(read(CURSOR))).toEqual({ mcpServers: { memory } })
    expect(JSON.parse(read(CODE))).toEqual({ mcpServers: { memory } })
    const backups = readdirSync(join(home, '.cursor')).map(name => readFileSync(join(home, '.cursor', name), 'utf8'))
    expect(backups).toContain(changed)
  })

  it('leaves a gatehouse.yaml alone that was changed since, with its secrets', async () => {
    put(CURSOR, { mcpServers: { gh: { command: 'g', env: { TOKEN } } } })
    await run('--apply')
    const file = join(cwd, 'gatehouse.yaml')
    writeFileSync(file, `${readFileSync(file, 'utf8')}# a rule of mine\n`)
    expect((await run('--undo')).out).toContain('left with the imported servers in it')
    expect(JSON.parse(read(CURSOR)).mcpServers).toEqual({ gh: { command: 'g', env: { TOKEN } } })
    expect((await config()).upstreams.get('gh')?.transport).toMatchObject({ env: { TOKEN } })
  })

  it('undoes several imports, the last first', async () => {
    put(CURSOR, { mcpServers: { memory } })
    await run('--apply')
    put(VSCODE, { servers: { other: { command: 'o' } } })
    await run('--apply')
    await run('--undo')
    expect(JSON.parse(read(VSCODE))).toEqual({ servers: { other: { command: 'o' } } })
    expect(JSON.parse(read(CURSOR)).mcpServers.memory).toBeUndefined()
    await run('--undo')
    expect(JSON.parse(read(CURSOR))).toEqual({ mcpServers: { memory } })
    expect((await config()).upstreams.size).toBe(0)
  })

  it('after an import that was cut short puts back what was changed', async () => {
    put(CURSOR, { mcpServers: { memory } })
    put(CODE, { mcpServers: { memory } })
    const before = read(CODE)
    await run('--apply')
    // As if the last host's file had never been written.
    put(CODE, before)
    expect((await run('--undo')).code).toBe(0)
    expect(JSON.parse(read(CURSOR))).toEqual({ mcpServers: { memory } })
    expect(read(CODE)).toBe(before)
  })

  it('attack: a backup that was exchanged is not put in place', async () => {
    put(CURSOR, { mcpServers: { memory } })
    await run('--apply')
    const name = readdirSync(join(home, '.cursor')).find(n => n.includes('backup'))!
    put(join('.cursor', name), '{"mcpServers":{"evil":{"command":"sh"}}}')
    const { code, err } = await run('--undo', '--force')
    expect(code).toBe(4)
    expect(err).toContain('is not the backup that was made')
    expect(read(CURSOR)).not.toContain('evil')
  })

  it('restores a file that is gone only with --force', async () => {
    put(CURSOR, { mcpServers: { memory } })
    await run('--apply')
    rmSync(join(home, CURSOR))
    expect((await run('--undo')).code).toBe(4)
    expect(existsSync(join(home, CURSOR))).toBe(false)
    await run('--undo', '--force')
    expect(JSON.parse(read(CURSOR))).toEqual({ mcpServers: { memory } })
  })
})

describe('aliases', () => {
  it.each([
    ['memory', 'memory'],
    ['GitHub', 'github'],
    ['My Server (prod)', 'my-server-prod'],
    ['1password', 's-1password'],
    ['Café', 'cafe'],
    ['日本', 'server'],
    ['--a__b--', 'a-b'],
    ['a'.repeat(40), 'a'.repeat(24)],
  ])('%j becomes %j', (name, alias) => {
    expect(aliasFor(name, new Set())).toBe(alias)
  })

  it('law: are valid and never taken', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 30 }), names => {
        const taken = new Set<string>()
        for (const name of [...names, ...names]) {
          const alias = aliasFor(name, taken)
          expect(alias).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
          expect(alias.length).toBeLessThanOrEqual(24)
          expect(taken.has(alias)).toBe(false)
          taken.add(alias)
        }
      }),
    )
  })
})
