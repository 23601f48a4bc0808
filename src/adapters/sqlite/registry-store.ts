// The registry in state.db (migrations/0005_registry.sql). What may never change is the schema's own business; here are the statements.

import { Fault } from '../../kernel/errors.ts'
import { skeletonOf } from '../../kernel/look-alikes.ts'
import { orderKey } from '../../registry/versions.ts'
import {
  MAX_VERSIONS,
  type Artifact,
  type Attestation,
  type Entry,
  type PageQuery,
  type Publication,
  type Revocation,
  type RevocationLog,
  type RevocationTarget,
  type StandingRecord,
  type StandingStore,
  type VersionStore,
} from '../../registry/store.ts'
import type { Standing } from '../../registry/standing.ts'
import { documentStatements } from './document-store.ts'
import type { SqlValue, StateDb, Statement } from './state-db.ts'

/** One version as it is read, with the server's own spelling. */
export type EntryRow = Omit<Entry, 'message' | 'isLatest' | 'isSigned' | 'byOperator'> & {
  readonly message: string | null
  readonly byOperator: number
  readonly isLatest: number
  readonly isSigned: number
}
type Fragment = { readonly sql: string; readonly params: readonly SqlValue[] }

// The server's own spelling: what refers to it may be written in other cases.
const COLUMNS = `n.name AS name, v.version AS version, v.sequence AS sequence, v.server_json AS serverJson, v.digest AS digest,
  v.published_at AS publishedAtSeconds, s.standing AS standing, s.message AS message, s.changed_at AS changedAtSeconds, s.by_operator AS byOperator, s.is_latest AS isLatest,
  EXISTS (SELECT 1 FROM registry_attestations a WHERE a.server = s.server AND a.version = s.version) AS isSigned`
const JOINED = `JOIN registry_versions v ON v.server = s.server AND v.version = s.version JOIN registry_servers n ON n.name = s.server`
/** Whatever their standing; a condition comes behind it. */
export const ENTRIES = `SELECT ${COLUMNS} FROM registry_standings s ${JOINED}`

export const createVersionStore = (db: StateDb): VersionStore => ({
  publish: publication => publish(db, publication),
  find: (name, version) => find(db, name, version),
  async versions(name, { withRevoked, withQuarantined, limit, before = MAX_VERSIONS + 1 }) {
    const hidden = `${withRevoked ? '' : `AND s.standing <> 'revoked'`} ${withQuarantined ? '' : `AND s.standing <> 'quarantined'`}`
    const sql = `SELECT ${COLUMNS} FROM registry_standings s ${JOINED} WHERE s.server = ? AND s.sequence < ? ${hidden} ORDER BY s.sequence DESC LIMIT ?`
    return (await db.all<EntryRow>(sql, [name, before, limit])).map(entryOf)
  },
  async page(query) {
    const { sql, params } = pageOf(query)
    return (await db.all<EntryRow>(sql, params)).map(entryOf)
  },
  async attest(name, version, { attestation, artifacts, documents = [], atSeconds }) {
    const sql = `${ATTEST} WHERE NOT EXISTS (SELECT 1 FROM registry_attestations WHERE server = ? AND version = ? AND digest = ?)`
    const values = attestationValues({ name, version, atSeconds }, attestation)
    const [kept] = await db.write([
      { sql, params: [...values, name, version, attestation.digest] },
      ...artifacts.map(({ identifier, algorithm, digest }) => ({
        sql: FURTHER_ARTIFACT,
        params: [name, version, identifier, algorithm, digest, name, version, name, version, identifier],
      })),
      ...documentStatements({ name, version, atSeconds }, documents),
    ])
    return kept === 1
  },
  async evidence(name, version) {
    const of = `WHERE server = ? AND version = ?`
    const [attestations, artifacts] = await Promise.all([
      db.all<Attestation>(`SELECT digest, kind, bundle, signer FROM registry_attestations ${of} ORDER BY verified_at, rowid`, [
        name,
        version,
      ]),
      db.all<Artifact>(`SELECT identifier, algorithm, digest FROM registry_artifacts ${of} ORDER BY position`, [name, version]),
    ])
    return { attestations, artifacts }
  },
})

const FURTHER_ARTIFACT = `INSERT INTO registry_artifacts (server, version, identifier, algorithm, digest, position)
  SELECT ?, ?, ?, ?, ?, (SELECT coalesce(max(position), -1) + 1 FROM registry_artifacts WHERE server = ? AND version = ?)
  WHERE NOT EXISTS (SELECT 1 FROM registry_artifacts WHERE server = ? AND version = ? AND identifier = ?)`

async function find(db: StateDb, name: string, version: string): Promise<Entry | undefined> {
  const which = version === 'latest' ? 's.is_latest = 1' : 's.version = ?'
  const sql = `SELECT ${COLUMNS} FROM registry_standings s ${JOINED} WHERE s.server = ? AND ${which}`
  const [row] = await db.all<EntryRow>(sql, version === 'latest' ? [name] : [name, version])
  return row && entryOf(row)
}

const ATTEST = `INSERT INTO registry_attestations (server, version, verified_at, digest, kind, bundle, signer) SELECT ?, ?, ?, ?, ?, ?, ?`
const attestationValues = (
  { name, version, atSeconds }: Pick<Publication, 'name' | 'version' | 'atSeconds'>,
  { digest, kind, bundle, signer }: Attestation,
): readonly SqlValue[] => [name, version, atSeconds, digest, kind, bundle, signer]

/** One transaction: after a crash all of it is there, or nothing. Which of the refusals it was is asked afterwards. */
async function publish(db: StateDb, publication: Publication): Promise<Entry | 'exists' | 'sequence' | 'full'> {
  const { name, version, sequence } = publication
  try {
    await db.write(statementsOf(publication))
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'state-conflict') throw error
    if (await find(db, name, version)) return 'exists'
    const [last] = await db.all<{ n: number }>('SELECT coalesce(max(sequence), 0) AS n FROM registry_versions WHERE server = ?', [name])
    if ((last?.n ?? 0) >= MAX_VERSIONS) return 'full'
    if (sequence !== undefined && sequence !== (last?.n ?? 0) + 1) return 'sequence'
    throw error
  }
  const kept = await find(db, name, version)
  if (!kept) throw new Fault('state-unavailable', 'a version that was kept is not there')
  return kept
}

function statementsOf(publication: Publication): Statement[] {
  const { name, namespace, version, serverJson, digest, search, looksLike, publishedBy, atSeconds, sequence, standing } = publication
  return [
    {
      sql: `INSERT INTO registry_servers (name, namespace, skeleton, looks_like, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`,
      params: [name, namespace, skeletonOf(name), looksLike ?? null, atSeconds],
    },
    {
      // A number that the statement names must be the next; the trigger compares.
      sql: `INSERT INTO registry_versions (server, version, sequence, server_json, digest, published_by, published_at)
        SELECT ?, ?, coalesce(?, 1 + coalesce(max(sequence), 0)), ?, ?, ?, ? FROM registry_versions WHERE server = ? HAVING count(*) < ${MAX_VERSIONS}`,
      params: [name, version, sequence ?? null, serverJson, digest, publishedBy, atSeconds, name],
      expectChanges: 1,
    },
    ...publication.artifacts.map((artifact, position): Statement => ({
      sql: `INSERT INTO registry_artifacts (server, version, position, identifier, algorithm, digest) VALUES (?, ?, ?, ?, ?, ?)`,
      params: [name, version, position, artifact.identifier, artifact.algorithm, artifact.digest],
    })),
    ...publication.attestations.map((attestation): Statement => ({ sql: ATTEST, params: attestationValues(publication, attestation) })),
    ...documentStatements(publication, publication.documents ?? []),
    {
      sql: `INSERT INTO registry_standings (server, sequence, version, order_key, search, standing, changed_by, changed_at)
        SELECT server, sequence, version, ?, ?, ?, ?, ? FROM registry_versions WHERE server = ? AND version = ?`,
      params: [orderKey(version), search, standing, publishedBy, atSeconds, name, version],
      expectChanges: 1,
    },
  ]
}

/**
 * Pages walk an index that holds what is shown in the order it is shown in, from where the last one ended: no page costs more than another. A search and a
 * view skip entries, and walk on.
 */
function pageOf(query: PageQuery): Fragment {
  const { limit, after, search, sinceSeconds, version, withRevoked, view, waiting } = query
  const isByChange = sinceSeconds !== undefined || waiting === true
  const isLatest = version === 'latest'
  const where: Fragment[] = [{ sql: `s.standing ${waiting ? '=' : '<>'} 'quarantined'`, params: [] }]
  if (!withRevoked && !isByChange) where.push({ sql: `s.standing <> 'revoked'`, params: [] })
  if (isLatest) where.push({ sql: 's.is_latest = 1', params: [] })
  else if (version !== undefined) where.push({ sql: 's.version = ?', params: [version] })
  if (sinceSeconds !== undefined) where.push({ sql: 's.changed_at >= ?', params: [sinceSeconds] })
  if (after)
    where.push(
      isByChange
        ? { sql: '(s.changed_at, s.server, s.sequence) > (?, ?, ?)', params: [after.changedAtSeconds, after.server, after.sequence] }
        : { sql: '(s.server, s.sequence) > (?, ?)', params: [after.server, after.sequence] },
    )
  if (search !== undefined) where.push({ sql: 'instr(s.search, ?) > 0', params: [search] })
  if (view)
    where.push({
      sql: `s.server IN (SELECT name FROM registry_servers WHERE name IN (SELECT value FROM json_each(?))
        UNION SELECT name FROM registry_servers WHERE namespace IN (SELECT value FROM json_each(?)))`,
      params: [JSON.stringify(view.servers), JSON.stringify(view.namespaces)],
    })
  const index = waiting ? 'waiting' : isByChange ? 'changed' : isLatest ? 'latest' : 'shown'
  const order = isByChange ? 's.changed_at, s.server, s.sequence' : 's.server, s.sequence'
  return {
    sql: `SELECT ${COLUMNS} FROM registry_standings s INDEXED BY registry_standings_${index} ${JOINED}
      WHERE ${where.map(({ sql }) => sql).join(' AND ')} ORDER BY ${order} LIMIT ?`,
    params: [...where.flatMap(({ params }) => params), limit],
  }
}

export const createStandingStore = (db: StateDb): StandingStore => ({
  async change({ name, version, to, message, by, byOperator, atSeconds }, from) {
    const sql = `UPDATE registry_standings SET standing = ?, message = ?, changed_by = ?, by_operator = ?, changed_at = ? WHERE server = ?
      AND (? IS NULL OR version = ?) AND standing IN (SELECT value FROM json_each(?))
      AND (? = 1 OR ? = 'revoked' OR by_operator = 0 OR standing <> 'deprecated')`
    const [which, operator] = [version ?? null, byOperator ? 1 : 0]
    const params = [to, message ?? null, by, operator, atSeconds, name, which, which, JSON.stringify(from), operator, to]
    const [changed = 0] = await db.write([{ sql, params }])
    return changed
  },
  async history(name) {
    const sql = `SELECT version, standing, message, changed_by AS "by", changed_at AS atSeconds FROM registry_standing_history WHERE server = ? ORDER BY id`
    const rows = await db.all<Omit<StandingRecord, 'message'> & { readonly message: string | null }>(sql, [name])
    return rows.map(({ message, ...rest }) => ({ ...rest, ...(message !== null && { message }) }))
  },
  async server(name) {
    const sql = 'SELECT name, CASE WHEN cleared_by IS NULL THEN looks_like END AS looksLike FROM registry_servers WHERE name = ?'
    const [row] = await db.all<{ readonly name: string; readonly looksLike: string | null }>(sql, [name])
    return row && { name: row.name, ...(row.looksLike !== null && { looksLike: row.looksLike }) }
  },
  async clear(name, by) {
    const sql = 'UPDATE registry_servers SET cleared_by = ? WHERE name = ? AND looks_like IS NOT NULL AND cleared_by IS NULL'
    const [cleared] = await db.write([{ sql, params: [by, name] }])
    return cleared === 1
  },
  async servers(skeletonLength) {
    const sql = 'SELECT name FROM registry_servers WHERE length(skeleton) BETWEEN ? AND ?'
    const rows = await db.all<{ readonly name: string }>(sql, [skeletonLength - 1, skeletonLength + 1])
    return rows.map(({ name }) => name)
  },
})

const REVOCATION = `SELECT sequence, kind, target, reason, action, not_before AS notBeforeSeconds, revoked_by AS "by", revoked_at AS atSeconds
  FROM registry_revocations`
type RevocationRow = Omit<Revocation, 'notBeforeSeconds'> & { readonly notBeforeSeconds: number | null }

export const createRevocationLog = (db: StateDb): RevocationLog => ({
  async append({ kind, target, reason, action, notBeforeSeconds, by, atSeconds }) {
    const sql = `INSERT INTO registry_revocations (kind, target, reason, action, not_before, revoked_by, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)`
    const values = [kind, target, reason, action, notBeforeSeconds ?? null, by, atSeconds]
    await db.write([{ sql, params: values }])
    // Two alike at once are one to whoever reads them: the last of them is told to both.
    const own = `WHERE kind = ? AND target = ? AND reason = ? AND action = ? AND not_before IS ? AND revoked_by = ? AND revoked_at = ? ORDER BY sequence DESC LIMIT 1`
    const [row] = await db.all<RevocationRow>(`${REVOCATION} ${own}`, values)
    if (!row) throw new Fault('state-unavailable', 'a revocation that was kept is not there')
    return revocationOf(row)
  },
  async since(sequence, limit) {
    return (await db.all<RevocationRow>(`${REVOCATION} WHERE sequence > ? ORDER BY sequence LIMIT ?`, [sequence, limit])).map(revocationOf)
  },
  async touching(targets) {
    const sql = `${REVOCATION} WHERE sequence IN (SELECT r.sequence FROM json_each(?) w CROSS JOIN registry_revocations r
      ON r.kind = w.value ->> 0 AND r.target = w.value ->> 1 COLLATE NOCASE) ORDER BY sequence LIMIT ${NEVER_MORE}`
    const rows = await db.all<RevocationRow>(sql, [JSON.stringify(targets.map(({ kind, target }) => [kind, target]))])
    return rows.filter(row => targets.some(target => isSameTarget(row, target))).map(revocationOf)
  },
  async blocking(kind) {
    const sql = `${REVOCATION} WHERE kind = ? AND action = 'block' ORDER BY sequence LIMIT ${NEVER_MORE}`
    return (await db.all<RevocationRow>(sql, [kind])).map(revocationOf)
  },
})

/** Names without case; what follows a name, digests, hints and subjects as they are. */
function isSameTarget(a: RevocationTarget, b: RevocationTarget): boolean {
  const at = a.kind === 'version' ? a.target.lastIndexOf('@') : a.kind === 'namespace' ? a.target.length : 0
  const isNamed = a.target.slice(0, at).toLowerCase() === b.target.slice(0, at).toLowerCase()
  return a.kind === b.kind && isNamed && a.target.slice(at) === b.target.slice(at)
}

/** As many rows as one answer of the database may have. */
const NEVER_MORE = 100_000

const revocationOf = ({ notBeforeSeconds, ...rest }: RevocationRow): Revocation => ({
  ...rest,
  ...(notBeforeSeconds !== null && { notBeforeSeconds }),
})

export const entryOf = ({ message, isLatest, isSigned, standing, byOperator, ...rest }: EntryRow): Entry => ({
  ...rest,
  standing: standing satisfies Standing,
  ...(message !== null && { message }),
  ...(byOperator === 1 && { byOperator: true }),
  isLatest: isLatest === 1,
  isSigned: isSigned === 1,
})
