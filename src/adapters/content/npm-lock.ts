// Reads a signed package-lock.json (version 3) as what is to be installed: every package by its name, version and SHA-512, from the one registry, or nothing.

import { shown, type Denial } from '../../trust/denial.ts'
import { jsonAt, listAt, objectAt, reading, type Members } from '../../trust/shape.ts'
import { fold } from './entries.ts'
import { refused, refusing } from './refusal.ts'

/** The package that was signed; `sha512` in hexadecimal. */
export type SignedPackage = { readonly name: string; readonly version: string; readonly sha512: string }
/** What optional packages are chosen by, in npm's words; `libc` only on Linux. */
export type Platform = { readonly os: string; readonly cpu: string; readonly libc?: 'glibc' | 'musl' }
/** `folder`: where it lies, such as `node_modules/a/node_modules/b`. */
export type PlannedPackage = SignedPackage & { readonly folder: string }
export type NpmPlan = { readonly packages: readonly PlannedPackage[] }

/** Largest lock file. */
const MAX_LOCK_BYTES = 8 * 1024 * 1024
const MAX_PACKAGES = 5_000
const MAX_NESTING = 16

/** Old packages have capitals; no name begins with a dot, so none is `..` or npm's own `.bin`. */
const NAME = /^(?:@[a-zA-Z0-9~_-][a-zA-Z0-9._~-]{0,99}\/)?[a-zA-Z0-9~_-][a-zA-Z0-9._~-]{0,199}$/
const VERSION = /^\d{1,15}\.\d{1,15}\.\d{1,15}(?:-[0-9A-Za-z.-]{1,100})?(?:\+[0-9A-Za-z.-]{1,100})?$/

/**
 * What the lock file says for this platform; packages for development are left out, optional ones of other platforms too. Two kinds of lock files serve:
 * of a folder that depends on the signed package, and of the package itself. What comes from anywhere but the registry (git, files, links, workspaces,
 * URLs, what is bundled) or has no SHA-512 is refused, and the file with it.
 */
export function readNpmLock(bytes: Buffer, signed: SignedPackage, platform: Platform): NpmPlan | Denial {
  return refusing(() =>
    reading(
      () => planOf(bytes, signed, platform),
      detail => {
        throw refused('lock-invalid', detail)
      },
    ),
  )
}

function planOf(bytes: Buffer, signed: SignedPackage, platform: Platform): NpmPlan {
  if (bytes.length > MAX_LOCK_BYTES) throw refused('lock-invalid', `expected a lock file of at most ${MAX_LOCK_BYTES} bytes`)
  const lock = objectAt(jsonAt(bytes, 'package-lock.json'), 'package-lock.json')
  if (lock['lockfileVersion'] !== 3) throw refused('lock-invalid', 'lockfileVersion: expected 3')
  const all = objectAt(lock['packages'], 'packages')
  const folders = Object.keys(all).filter(folder => folder !== '')
  if (folders.length > MAX_PACKAGES) throw refused('lock-invalid', `packages: expected at most ${MAX_PACKAGES}`)
  if (new Set(folders.map(fold)).size !== folders.length) throw refused('lock-entry', 'two folders differ in case alone')
  const root = objectAt(all[''], 'packages[""]')
  if (Object.hasOwn(root, 'workspaces')) throw refused('lock-entry', 'it has workspaces: sign the lock file of one package')

  const planned = new Map<string, PlannedPackage>()
  const left = new Set<string>()
  // a folder sorts behind the one it lies in
  for (const folder of folders.sort()) {
    const parent = parentOf(folder)
    if (parent !== '' && !planned.has(parent) && !left.has(parent))
      throw entry(folder, 'lies in a package that the lock file does not have')
    const found = packageAt(folder, objectAt(all[folder], shown(folder)))
    if (left.has(parent) || isLeft(folder, found, platform)) left.add(folder)
    else planned.set(folder, found.package)
  }
  return { packages: [...withSigned(planned, root, signed).values()].sort((a, b) => (a.folder < b.folder ? -1 : 1)) }
}

/** The signed package at its place: named by the root, or the root itself. */
function withSigned(
  planned: ReadonlyMap<string, PlannedPackage>,
  root: Members,
  signed: SignedPackage,
): ReadonlyMap<string, PlannedPackage> {
  const { name, version, sha512 } = signed
  const folder = `node_modules/${name}`
  const there = planned.get(folder)
  const what = shown(`${name}@${version}`)
  if (root['name'] === name && root['version'] === version && !there) return new Map([...planned, [folder, { ...signed, folder }]])
  if (!there || !Object.hasOwn(objectAt(root['dependencies'] ?? {}, 'packages[""].dependencies'), name))
    throw refused('lock-invalid', `expected the lock file of ${what}, or of a folder that depends on it`)
  if (there.name !== name || there.version !== version)
    throw refused('lock-invalid', `expected ${what}, got ${shown(`${there.name}@${there.version}`)}`)
  if (there.sha512 !== sha512) throw refused('artifact-mismatch', `the lock file names other bytes for ${what} than were signed`)
  return planned
}

type Found = { readonly package: PlannedPackage; readonly isOptional: boolean; readonly isForDevelopment: boolean; readonly given: Members }

function packageAt(folder: string, given: Members): Found {
  const name = nameAt(folder)
  const { version, resolved, integrity } = given
  const other = given['name']
  for (const member of ['link', 'inBundle', 'bundled', 'extraneous'])
    if (given[member] !== undefined && given[member] !== false) throw entry(folder, `is not from a registry (\`${member}\`)`)
  if (typeof version !== 'string' || !VERSION.test(version)) throw entry(folder, 'expected one exact version from a registry')
  if (other !== undefined && (typeof other !== 'string' || !NAME.test(other)))
    throw entry(folder, 'is an alias of something else than a package')
  const real = other ?? name
  if (resolved !== undefined && !isOfRegistry(resolved, real, version))
    throw entry(folder, 'was resolved to something else than a package of a registry over https')
  const isOptional = given['optional'] === true || given['devOptional'] === true
  return {
    package: { name: real, version, sha512: sha512At(folder, integrity), folder },
    isOptional,
    isForDevelopment: given['dev'] === true,
    given,
  }
}

/** The name that a folder gives; refused where it is none, or too deep. */
function nameAt(folder: string): string {
  const parts = folder.split('node_modules/')
  const [before, ...names] = parts
  const isPlain = names.every((name, i) => (i === names.length - 1 ? NAME.test(name) : name.endsWith('/') && NAME.test(name.slice(0, -1))))
  if (before !== '' || names.length === 0 || names.length > MAX_NESTING || !isPlain)
    throw entry(folder, 'is no folder of a package below `node_modules`')
  return names.at(-1) ?? ''
}

function parentOf(folder: string): string {
  const at = folder.lastIndexOf('/node_modules/')
  return at < 0 ? '' : folder.slice(0, at)
}

/** Where it came from when the lock file was made. Whose host that was does not count: everything is fetched from the configured registry. */
function isOfRegistry(resolved: unknown, name: string, version: string): boolean {
  const url = typeof resolved === 'string' ? URL.parse(resolved) : null
  if (url?.protocol !== 'https:') return false
  const file = `${name.replace(/^@.*\//, '')}-${version}.tgz`
  // some registries repeat the scope in the name of the file
  return [file, `${name.replace(/[^/]*$/, '')}${file}`].some(each => decoded(url.pathname).endsWith(`/${name}/-/${each}`))
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return '' // no path of a registry
  }
}

/** The one SHA-512 of a subresource integrity string, in hexadecimal; weaker hashes beside it do not count. */
function sha512At(folder: string, integrity: unknown): string {
  const all =
    typeof integrity === 'string' && integrity.length <= 1024 ? integrity.split(/\s+/).filter(each => each.startsWith('sha512-')) : []
  const bytes = Buffer.from((all[0] ?? '').slice('sha512-'.length), 'base64')
  if (all.length !== 1 || bytes.length !== 64 || `sha512-${bytes.toString('base64')}` !== all[0])
    throw entry(folder, 'has no `integrity` with one SHA-512')
  return bytes.toString('hex')
}

function isLeft(folder: string, { isOptional, isForDevelopment, given }: Found, { os, cpu, libc }: Platform): boolean {
  if (isForDevelopment) return true
  const runs =
    admits(listOf(given['os'], folder), os) &&
    admits(listOf(given['cpu'], folder), cpu) &&
    (libc === undefined || admits(listOf(given['libc'], folder), libc))
  if (!runs && !isOptional) throw entry(folder, 'does not run on this platform')
  return !runs
}

const listOf = (value: unknown, folder: string): readonly unknown[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : listAt(value, shown(folder), 100)

/** npm's lists: those named, or all but those named with `!`. */
function admits(list: readonly unknown[], value: string): boolean {
  if (list.includes(`!${value}`)) return false
  const named = list.filter(each => typeof each === 'string' && !each.startsWith('!'))
  return named.length === 0 || named.includes(value) || named.includes('any')
}

const entry = (folder: string, what: string): Error => refused('lock-entry', `${shown(folder)} ${what}`)
