// Lock files as lists of packages: those of npm and pip, and what is none.

import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lockedPackages } from '../../../src/registry/advisories/locked.ts'

const npm = (text: string): readonly string[] =>
  lockedPackages({ kind: 'lock:package-lock.json', text }).map(({ name, version }) => `${name}@${version}`)
const pip = (text: string): readonly string[] =>
  lockedPackages({ kind: 'lock:requirements.txt', text }).map(({ name, version }) => `${name}@${version}`)

describe('package-lock.json', () => {
  it('names packages by folder or by their real name, each once', () => {
    const packages = {
      '': { name: 'root', version: '1.0.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b/node_modules/@scope/c': { version: '2.0.0' },
      'node_modules/alias': { name: 'real', version: '3.0.0' },
      'node_modules/d/node_modules/a': { version: '1.0.0' },
      'node_modules/link': { link: true, resolved: 'x' },
    }
    expect(npm(JSON.stringify({ lockfileVersion: 3, packages }))).toEqual(['a@1.0.0', '@scope/c@2.0.0', 'real@3.0.0'])
  })
  it('of a real project names all it installs', () => {
    const text = readFileSync('package-lock.json', 'utf8')
    const { packages } = JSON.parse(text) as { packages: Record<string, object> }
    const found = npm(text)
    expect(found).toContain('fast-check@4.10.2')
    expect(found.length).toBeGreaterThan(Object.keys(packages).length * 0.8)
  })
})
describe('requirements.txt', () => {
  it('names what is pinned, hashes, extras and markers aside', () => {
    const text = 'a==1.0 \\\n    --hash=sha256:aa\nB_c[extra]==2.0rc1 ; python_version > "3"\n# d==1\n-r other.txt\ne>=1\nf === 1.0+local\n'
    expect(pip(text)).toEqual(['a@1.0', 'B_c@2.0rc1', 'f@1.0+local'])
  })
})
it('throws for nothing, whatever it is, and reads no more than anybody needs', () => {
  for (const kind of ['lock:package-lock.json', 'lock:requirements.txt', 'surface'])
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => void lockedPackages({ kind, text })))
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`node_modules/p${i}`, { version: '1.0.0' }]))
  expect(npm(JSON.stringify({ packages: many }))).toHaveLength(10_000)
})
