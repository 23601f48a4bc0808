// What the registry withdrew, as one signed document: signers, versions, namespaces, artifacts and bundles. It only grows while a gateway writes it.

import { canonicalJson } from '../kernel/canonical-json.ts'
import { Fault } from '../kernel/errors.ts'
import type { Withdrawal } from './blocked.ts'
import { deny, shown, type Denial } from './denial.ts'
import { jsonAt, listAt, reading, recordAt, SHA256, SHA512, textAt, VISIBLE, wrong } from './shape.ts'
import { namespaceOf, revocationAt, type Revocation } from './signer-policy.ts'

/** `signers`: as in a policy file. `versions`: `<server name>@<version>`, the name in lower case. `namespaces`: lower case. The others: digests, hexadecimal. */
export type Revocations = {
  readonly signers: readonly Revocation[]
  readonly versions: ReadonlySet<string>
  readonly namespaces: ReadonlySet<string>
  readonly artifacts: ReadonlySet<string>
  readonly bundles: ReadonlySet<string>
}

const MAX_SIGNERS = 10_000
const MAX_EACH = 100_000

export const NO_REVOCATIONS: Revocations = {
  signers: [],
  versions: new Set(),
  namespaces: new Set(),
  artifacts: new Set(),
  bundles: new Set(),
}

/**
 * Reads `{ "version": 1, "signers": [...], "versions": [{ "server", "version" }] }`, perhaps with `namespaces`, `artifacts` and `bundles`, which are lists of
 * texts. Throws Fault `revocations-invalid`, which says where.
 */
export function readRevocations(bytes: Buffer): Revocations {
  const refuse = (detail: string): never => {
    throw new Fault('revocations-invalid', `revocations: ${detail}`)
  }
  return reading(() => {
    const file = recordAt(jsonAt(bytes, 'file'), 'file', ['version', 'signers', 'versions'], ['namespaces', 'artifacts', 'bundles'])
    if (file.version !== 1) throw wrong('version', '1')
    const signers = listAt(file.signers, 'signers', MAX_SIGNERS).map((each, i) => revocationAt(each, `signers[${i}]`))
    const versions = listAt(file.versions, 'versions', MAX_EACH).map((each, i) => {
      const { server, version } = recordAt(each, `versions[${i}]`, ['server', 'version'])
      return versionKey(textAt(server, `versions[${i}].server`, SERVER), textAt(version, `versions[${i}].version`, VISIBLE))
    })
    const texts = (name: 'namespaces' | 'artifacts' | 'bundles', read: (value: unknown, path: string) => string): ReadonlySet<string> =>
      new Set(listAt(file[name] ?? [], name, MAX_EACH).map((each, i) => read(each, `${name}[${i}]`)))
    return {
      signers,
      versions: new Set(versions),
      namespaces: texts('namespaces', (value, path) => textAt(value, path, VISIBLE).toLowerCase()),
      artifacts: texts('artifacts', artifactAt),
      bundles: texts('bundles', (value, path) => textAt(value, path, SHA256)),
    }
  }, refuse)
}

const artifactAt = (value: unknown, path: string): string =>
  textAt(value, path, typeof value === 'string' && value.length > 64 ? SHA512 : SHA256)

/** What stands before the `@` of a version; a version may hold more of them. */
const SERVER = { pattern: /^[!-?A-~]{1,2048}$/, what: 'the name of a server' }
const versionKey = (server: string, version: string): string => `${server.toLowerCase()}@${version}`

/** The text of the document. */
export function writeRevocations({ signers, versions, namespaces, artifacts, bundles }: Revocations): string {
  const listed = [...versions].sort().map(key => ({ server: key.slice(0, key.indexOf('@')), version: key.slice(key.indexOf('@') + 1) }))
  const rest = Object.entries({ namespaces, artifacts, bundles }).filter(([, texts]) => texts.size > 0)
  const texts = Object.fromEntries(rest.map(([name, all]) => [name, [...all].sort()]))
  return `${JSON.stringify({ version: 1, signers: signers.map(signerJson), versions: listed, ...texts })}\n`
}

function signerJson({ notBeforeMs, ...named }: Revocation): object {
  return { notBefore: new Date(notBeforeMs).toISOString(), ...named }
}

/** Both together; `kept` itself where the other adds nothing. */
export function unitedRevocations(kept: Revocations, other: Revocations): Revocations {
  const key = (each: Revocation): string => canonicalJson(signerJson(each)) ?? ''
  const known = new Set(kept.signers.map(key))
  const signers = other.signers.filter(each => !known.has(key(each)))
  const names = ['versions', 'namespaces', 'artifacts', 'bundles'] as const
  if (signers.length === 0 && names.every(name => [...other[name]].every(each => kept[name].has(each)))) return kept
  return {
    ...kept,
    ...Object.fromEntries(names.map(name => [name, new Set([...kept[name], ...other[name]])])),
    signers: [...kept.signers, ...signers],
  }
}

/** Whether a reader takes as many. */
export const isBounded = ({ signers, ...sets }: Revocations): boolean =>
  signers.length <= MAX_SIGNERS && Object.values(sets).every(({ size }) => size <= MAX_EACH)

/** What was withdrawn besides what the document has. */
export type United = {
  readonly revocations: Revocations
  readonly isChanged: boolean
  /** what no reader would know again: a hint that is none, an issuer that is no https URL */
  readonly left: readonly Withdrawal[]
}

/** Nothing that stands in it is taken out. */
export function withWithdrawals(kept: Revocations, withdrawals: Iterable<Withdrawal>): United {
  const { signers, ...sets } = kept
  const next = {
    signers: new Map(signers.map((each): [string, Revocation] => [canonicalJson(signerJson(each)) ?? '', each])),
    versions: new Set(sets.versions),
    namespaces: new Set(sets.namespaces),
    artifacts: new Set(sets.artifacts),
    bundles: new Set(sets.bundles),
  }
  const sizeOf = (): number => Object.values(next).reduce((sum, { size }) => sum + size, 0)
  const before = sizeOf()
  const left = [...withdrawals].filter(each => !isAdded(next, each))
  return { revocations: { ...next, signers: [...next.signers.values()] }, isChanged: sizeOf() > before, left }
}

type Growing = { readonly [Name in keyof Omit<Revocations, 'signers'>]: Set<string> } & { readonly signers: Map<string, Revocation> }

const isAdded = (next: Growing, { kind, target, notBeforeMs = 0 }: Withdrawal): boolean =>
  reading(
    () => {
      switch (kind) {
        case 'version': {
          const at = Math.max(0, target.indexOf('@'))
          next.versions.add(versionKey(textAt(target.slice(0, at), 'server', SERVER), textAt(target.slice(at + 1), 'version', VISIBLE)))
          break
        }
        case 'namespace':
          next.namespaces.add(textAt(target, 'namespace', VISIBLE).toLowerCase())
          break
        case 'artifact':
          next.artifacts.add(artifactAt(target, 'artifact'))
          break
        case 'bundle':
          next.bundles.add(textAt(target, 'bundle', SHA256))
          break
        case 'key':
        case 'identity': {
          const signer = revocationAt({ notBefore: new Date(notBeforeMs).toISOString(), ...namedBy(kind, target) }, 'signer')
          next.signers.set(canonicalJson(signerJson(signer)) ?? '', signer)
        }
      }
      return true
    },
    () => false,
  )

function namedBy(kind: 'key' | 'identity', target: string): object {
  if (kind === 'key') return { hint: target }
  const space = target.indexOf(' ')
  return { issuer: target.slice(0, space), san: target.slice(space + 1) }
}

/** Why a version was withdrawn by name; undefined = it was not. */
export function whyWithdrawn({ versions, namespaces }: Revocations, server: string, version: string): Denial | undefined {
  if (versions.has(versionKey(server, version))) return deny('version-revoked', `${shown(`${server}@${version}`)} was revoked`)
  const namespace = namespaceOf(server)
  return namespaces.has(namespace) ? deny('version-revoked', `the namespace ${shown(namespace)} was revoked`) : undefined
}

/** As whoever judges statements asks for them. */
export const withdrawalsOf = ({ versions, namespaces, artifacts, bundles }: Revocations): readonly Withdrawal[] =>
  Object.entries({ version: versions, namespace: namespaces, artifact: artifacts, bundle: bundles }).flatMap(([kind, targets]) =>
    [...targets].map((target): Withdrawal => ({ kind: kind as Withdrawal['kind'], target })),
  )
