import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { MINIMAL } from '../config/configs.ts'
import { gatehouse } from './io.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

describe('the command line', () => {
  it('says what there is', async () => {
    const { code, out } = await gatehouse(['help'], { cwd })
    expect(code).toBe(0)
    for (const command of COMMANDS) expect(out).toContain(`  ${command.name} `)
    expect(out).toContain('3 configuration invalid')
    expect((await gatehouse([], { cwd })).code).toBe(2)
    expect((await gatehouse(['--help'], { cwd })).out).toBe(out)
  })

  it.each(COMMANDS.map(c => c.name))('%s has help that names its options', async name => {
    const { code, out } = await gatehouse(['help', ...name.split(' ')], { cwd })
    expect(code).toBe(0)
    expect(out).toContain(`usage: gatehouse ${name}`)
    expect(out).toContain('--json')
    expect((await gatehouse([...name.split(' '), '--help'], { cwd })).out).toBe(out)
  })

  it.each([
    [['imprt'], 'did you mean `gatehouse import`?'],
    [['config'], 'needs one more word: `gatehouse config check`'],
    [['help', 'nothing-like-it'], 'no command'],
    [['version', '--jsno'], 'did you mean `--json`?'],
    [['import', '--dry'], 'run `gatehouse help import` to see'],
    [['version', '--config'], "'-c, --config <value>' argument missing"],
    [['version', 'extra'], 'unexpected `extra`'],
    [['init', 'a', 'b'], 'unexpected `b`'],
    [['\u001b[31mred'], 'no command `?[31mred`'],
  ])('%j is a wrong command line', async (argv, message) => {
    const { code, out, err } = await gatehouse(argv, { cwd })
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain(message)
  })

  it('prints versions', async () => {
    expect((await gatehouse(['version'], { cwd })).out).toMatch(/^gatehouse \d+\.\d+\.\d+ \(node v\d+/)
    expect(JSON.parse((await gatehouse(['--version', '--json'], { cwd })).out)).toMatchObject({
      gatehouse: expect.any(String),
      node: process.version,
    })
  })
})

describe('config check', () => {
  const put = (text: string, name = 'gatehouse.yaml'): void => writeFileSync(join(cwd, name), text)

  it('finds the file by --config, by the environment, or in the folder', async () => {
    put(MINIMAL)
    put(MINIMAL, 'other.yaml')
    expect((await gatehouse(['config', 'check'], { cwd })).out).toContain('gatehouse.yaml is valid')
    expect((await gatehouse(['config', 'check', '-c', 'other.yaml'], { cwd })).out).toContain('other.yaml is valid')
    expect((await gatehouse(['config', 'check'], { cwd, env: { GATEHOUSE_CONFIG: 'other.yaml' } })).out).toContain('other.yaml is valid')
  })

  it('says everything that is wrong, with lines, and exits with 3', async () => {
    put('version: 2\nlistn: x\nidentity: { evaluation: { users: [{ name: alice }] } }\n')
    const { code, out } = await gatehouse(['config', 'check'], { cwd })
    expect(code).toBe(3)
    expect(out).toMatch(
      /^fault: gatehouse.yaml:1:1 version: .*\nfault: gatehouse.yaml:2:1 listn: .*did you mean `listen`\?\nwarning|^warning.*\nfault: gatehouse.yaml:1:1/,
    )
    expect(out).toContain('2 faults: the configuration does not load')
    const json = JSON.parse((await gatehouse(['config', 'check', '--json'], { cwd })).out)
    expect(json).toMatchObject({
      ok: false,
      faults: [
        { line: 1, code: 'value' },
        { line: 2, code: 'unknown-key' },
      ],
    })
  })

  it('says how to begin where there is none', async () => {
    const { code, out } = await gatehouse(['config', 'check'], { cwd })
    expect(code).toBe(3)
    expect(out).toContain('`gatehouse init` writes a first one, --config names another')
  })
})
