// Mirrors and what was seen at them, in state.db (migrations/0011_mirrors.sql).

import type { MirrorChange, MirroredVersion, MirrorQuery, MirrorState, MirrorStore } from '../../registry/mirrors/store.ts'
import type { StateDb, Statement } from './state-db.ts'

type Row = Omit<MirroredVersion, 'isWithdrawn' | 'message' | 'alteredTo' | 'looksLike'> & {
  readonly isWithdrawn: number
  readonly message: string | null
  readonly alteredTo: string | null
  readonly looksLike: string | null
}
const SEEN = `SELECT server AS name, version, source, server_json AS serverJson, digest, status, message, is_withdrawn AS isWithdrawn, altered_to AS alteredTo,
  looks_like AS looksLike, seen_ms AS seenMs FROM registry_mirrored`

export const createMirrorStore = (db: StateDb, now: () => number): MirrorStore => {
  const saving = (state: MirrorState): Statement => ({
    sql: 'INSERT INTO registry_mirrors (url, state, kept_ms) VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE SET state = excluded.state, kept_ms = excluded.kept_ms',
    params: [state.url, JSON.stringify(state), now()],
  })
  return {
    async state(url) {
      const [row] = await db.all<{ readonly state: string }>('SELECT state FROM registry_mirrors WHERE url = ?', [url])
      return row && (JSON.parse(row.state) as MirrorState)
    },
    async save(state) {
      await db.write([saving(state)])
    },
    async keep({ added, changed, state }) {
      // One transaction: after a crash the page is there with its cursor, or is asked for again.
      await db.write([...added.map(adding), ...changed.map(changing), saving(state)])
    },
    async known(versions) {
      const wanted = JSON.stringify(versions.map(({ name, version }) => [name, version]))
      const sql = `${SEEN} WHERE (server, version) IN (SELECT value ->> 0 COLLATE NOCASE, value ->> 1 FROM json_each(?))`
      return (await db.all<Row>(sql, [wanted])).map(versionOf)
    },
    async find(name, version) {
      const [row] = await db.all<Row>(`${SEEN} WHERE server = ? AND version = ?`, [name, version])
      return row && versionOf(row)
    },
    async page(query) {
      return (await db.all<Row>(...pageOf(query))).map(versionOf)
    },
    async count() {
      const [row] = await db.all<{ readonly n: number }>('SELECT count(*) AS n FROM registry_mirrored')
      return row?.n ?? 0
    },
    async local(names) {
      const sql = `SELECT w.value AS name FROM json_each(?) w WHERE EXISTS (SELECT 1 FROM registry_versions v WHERE v.server = w.value COLLATE NOCASE
        AND NOT EXISTS (SELECT 1 FROM registry_mirrored m WHERE m.server = v.server AND m.version = v.version AND m.digest = v.digest))`
      return (await db.all<{ readonly name: string }>(sql, [JSON.stringify(names)])).map(({ name }) => name)
    },
  }
}

const adding = (seen: MirroredVersion): Statement => ({
  sql: `INSERT INTO registry_mirrored (server, version, source, server_json, digest, status, message, is_withdrawn, looks_like, seen_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  params: [
    ...[seen.name, seen.version, seen.source, seen.serverJson, seen.digest, seen.status, seen.message ?? null],
    ...[Number(seen.isWithdrawn), seen.looksLike ?? null, seen.seenMs],
  ],
})
const changing = ({ name, version, status, message, alteredTo }: MirrorChange): Statement => ({
  sql: `UPDATE registry_mirrored SET status = ?, message = ?, is_withdrawn = max(is_withdrawn, ?), altered_to = coalesce(?, altered_to)
    WHERE server = ? AND version = ?`,
  params: [status, message ?? null, Number(status === 'deleted'), alteredTo ?? null, name, version],
})

function pageOf({ after, search, limit }: MirrorQuery): [string, (string | number)[]] {
  const where = [...(after ? ['(server, version) > (?, ?)'] : []), ...(search !== undefined ? ['instr(lower(server), ?) > 0'] : [])]
  const params = [...(after ? [after.name, after.version] : []), ...(search !== undefined ? [search] : []), limit]
  return [`${SEEN} ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY server, version LIMIT ?`, params]
}

const versionOf = ({ isWithdrawn, message, alteredTo, looksLike, ...rest }: Row): MirroredVersion => ({
  ...rest,
  isWithdrawn: isWithdrawn === 1,
  ...(message !== null && { message }),
  ...(alteredTo !== null && { alteredTo }),
  ...(looksLike !== null && { looksLike }),
})
