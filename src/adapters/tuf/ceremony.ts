// What the roles of a repository of trust sign: their keys, thresholds, lifetimes and documents. Made here, signed by whoever holds the keys.

import { hash } from 'node:crypto'
import { Metadata, MetadataKind, type Root, type Snapshot, type TargetFile, type Targets, type Timestamp } from '@tufjs/models'
import { SPEC_VERSION, type JsonObject, type NamedKey } from './metadata.ts'

/** Roles whose keys lie on the machine that publishes. */
export const ONLINE_ROLES = ['timestamp', 'snapshot', 'index', 'revocations'] as const
export type OnlineRole = (typeof ONLINE_ROLES)[number]
/** Roles whose keys people hold. The root keyholders sign targets too: it says what the root of all signatures is. */
export const OFFLINE_ROLES = ['root', 'targets', 'namespaces'] as const
export type OfflineRole = (typeof OFFLINE_ROLES)[number]
export type Role = OnlineRole | OfflineRole

const HOUR_MS = 3_600_000
/** How long metadata of each role counts. Whoever withholds news gains at most as much. */
export const LIFETIME_MS: Readonly<Record<Role, number>> = {
  root: 365 * 24 * HOUR_MS,
  targets: 365 * 24 * HOUR_MS,
  namespaces: 180 * 24 * HOUR_MS,
  index: 7 * 24 * HOUR_MS,
  revocations: 7 * 24 * HOUR_MS,
  snapshot: 7 * 24 * HOUR_MS,
  timestamp: HOUR_MS,
}

export type RoleStanding = 'good' | 'soon' | 'expired'
/** `soon`: less than a fifth of its life is left, and somebody has to sign. */
export function standingOf(role: Role, expiresMs: number, nowMs: number): RoleStanding {
  const leftMs = expiresMs - nowMs
  return leftMs <= 0 ? 'expired' : leftMs < LIFETIME_MS[role] / 5 ? 'soon' : 'good'
}

/** Path patterns of delegated roles: no role can speak for another's documents. */
const PATHS = { namespaces: ['namespaces/*'], revocations: ['revocations/*'], index: ['index/*'] } as const

/** `keyholders`: of root and targets. One key and threshold 1 each in an evaluation, and nowhere else. */
export type TrustKeys = {
  readonly root: readonly NamedKey[]
  readonly namespaces: readonly NamedKey[]
  readonly online: Readonly<Record<OnlineRole, NamedKey>>
  readonly threshold: number
}

/** Documents by target path. */
export type Documents = ReadonlyMap<string, Buffer>

/** Version of this metadata, and from when it counts (milliseconds). */
export type Issue = { readonly version: number; readonly nowMs: number }

const common = (role: Role, { version, nowMs }: Issue): JsonObject => ({
  spec_version: SPEC_VERSION,
  version,
  expires: new Date(nowMs + LIFETIME_MS[role]).toISOString().replace(/\.\d+Z$/, 'Z'),
})
const byId = (keys: readonly NamedKey[]): JsonObject => Object.fromEntries(keys.map(({ id, json }) => [id, json]))
const roleOf = (keys: readonly NamedKey[], threshold: number): JsonObject => ({ keyids: keys.map(({ id }) => id), threshold })

export const rootOf = ({ root, online, threshold }: TrustKeys, issue: Issue): Metadata<Root> =>
  Metadata.fromJSON(MetadataKind.Root, {
    signatures: [],
    signed: {
      _type: 'root',
      ...common('root', issue),
      consistent_snapshot: true,
      keys: byId([...root, online.snapshot, online.timestamp]),
      roles: {
        root: roleOf(root, threshold),
        targets: roleOf(root, threshold),
        snapshot: roleOf([online.snapshot], 1),
        timestamp: roleOf([online.timestamp], 1),
      },
    },
  })

/** `documents`: those that targets signs itself. */
export const targetsOf = ({ namespaces, online, threshold }: TrustKeys, documents: Documents, issue: Issue): Metadata<Targets> =>
  Metadata.fromJSON(MetadataKind.Targets, {
    signatures: [],
    signed: {
      _type: 'targets',
      ...common('targets', issue),
      targets: targetsJson(documents),
      delegations: {
        keys: byId([...namespaces, online.index, online.revocations]),
        roles: [
          { name: 'namespaces', ...roleOf(namespaces, threshold), terminating: true, paths: [...PATHS.namespaces] },
          { name: 'revocations', ...roleOf([online.revocations], 1), terminating: true, paths: [...PATHS.revocations] },
          { name: 'index', ...roleOf([online.index], 1), terminating: true, paths: [...PATHS.index] },
        ],
      },
    },
  })

/** `kept`: documents of before that stay as they are. */
export const delegatedOf = (
  role: 'namespaces' | 'index' | 'revocations',
  documents: Documents,
  issue: Issue,
  kept: Readonly<Record<string, TargetFile>> = {},
): Metadata<Targets> =>
  Metadata.fromJSON(MetadataKind.Targets, {
    signatures: [],
    signed: { _type: 'targets', ...common(role, issue), targets: { ...keptJson(kept), ...targetsJson(documents) } },
  })

const targetsJson = (documents: Documents): JsonObject =>
  Object.fromEntries([...documents].map(([path, bytes]) => [path, { length: bytes.length, hashes: { sha256: hash('sha256', bytes) } }]))

const keptJson = (kept: Readonly<Record<string, TargetFile>>): JsonObject =>
  Object.fromEntries(Object.entries(kept).map(([path, target]) => [path, target.toJSON()]))

/** A file that other metadata names. */
export type MetaFileOf = { readonly bytes: Buffer; readonly version: number }
const metaJson = ({ bytes, version }: MetaFileOf): JsonObject => ({
  version,
  length: bytes.length,
  hashes: { sha256: hash('sha256', bytes) },
})

export const snapshotOf = (files: ReadonlyMap<string, MetaFileOf>, issue: Issue): Metadata<Snapshot> =>
  Metadata.fromJSON(MetadataKind.Snapshot, {
    signatures: [],
    signed: {
      _type: 'snapshot',
      ...common('snapshot', issue),
      meta: Object.fromEntries([...files].map(([role, file]) => [`${role}.json`, metaJson(file)])),
    },
  })

export const timestampOf = (snapshot: MetaFileOf, issue: Issue): Metadata<Timestamp> =>
  Metadata.fromJSON(MetadataKind.Timestamp, {
    signatures: [],
    signed: { _type: 'timestamp', ...common('timestamp', issue), meta: { 'snapshot.json': metaJson(snapshot) } },
  })
