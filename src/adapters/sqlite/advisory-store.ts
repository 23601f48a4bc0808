// Advisories in state.db (migrations/0008_advisories.sql).

import { Fault } from '../../kernel/errors.ts'
import { nameKey, type Ecosystem } from '../../registry/advisories/ecosystems.ts'
import type { Affected } from '../../registry/advisories/osv.ts'
import type { AboutPackage, AdvisoryDocument, AdvisoryStore, PackageName, VersionMark } from '../../registry/advisories/store.ts'
import { netOf } from './package-nets.ts'
import { ENTRIES, entryOf, type EntryRow } from './registry-store.ts'
import type { SqlValue, StateDb } from './state-db.ts'

type Kept = Omit<AdvisoryDocument, 'affected'>
type Row = Omit<Kept, 'isWithdrawn' | 'isMalware' | 'summary'> & {
  readonly isWithdrawn: number
  readonly isMalware: number
  readonly summary: string | null
}
const DOCUMENT = `SELECT id, modified_ms AS modifiedMs, is_withdrawn AS isWithdrawn, is_malware AS isMalware, summary, document, recorded_by AS "by",
  recorded_ms AS atMs FROM registry_advisories a WHERE modified_ms = (SELECT max(modified_ms) FROM registry_advisories b WHERE b.id = a.id)`
/** Characters of documents after which a page ends. */
const MAX_PAGE = 4_194_304
/** What is said of one package by all advisories together: more than this is somebody's mistake. */
const MAX_ABOUT = 5000

export const createAdvisoryStore = (db: StateDb): AdvisoryStore => ({
  async record({ id, modifiedMs, isWithdrawn, isMalware, summary, document, affected, by, atMs }) {
    // One transaction; the trigger refuses what is not later, and then nothing of it stays.
    const values: readonly SqlValue[] = [id, modifiedMs, Number(isWithdrawn), Number(isMalware), summary ?? null, document, by, atMs]
    try {
      await db.write([
        {
          sql: `INSERT INTO registry_advisories (id, modified_ms, is_withdrawn, is_malware, summary, document, recorded_by, recorded_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          params: values,
        },
        { sql: 'DELETE FROM registry_advised_packages WHERE advisory = ?', params: [id] },
        ...affected.map(({ ecosystem, name, versions, ranges }) => ({
          sql: 'INSERT INTO registry_advised_packages (ecosystem, name_key, advisory, name, affected) VALUES (?, ?, ?, ?, ?)',
          params: [ecosystem, nameKey(ecosystem, name), id, name, JSON.stringify({ versions, ranges })],
        })),
      ])
      return true
    } catch (error) {
      if (error instanceof Fault && error.code === 'state-conflict') return false
      throw error
    }
  },
  async find(id) {
    const [row] = await db.all<Row>(`${DOCUMENT} AND a.id = ?`, [id])
    return row && keptOf(row)
  },
  async page(after, limit) {
    const sql = `SELECT id, modifiedMs, isWithdrawn, isMalware, summary, document, "by", atMs FROM (
      SELECT *, sum(length(document)) OVER (ORDER BY id) - length(document) AS before FROM (${DOCUMENT} AND a.id > ? ORDER BY a.id LIMIT ?))
      WHERE before < ${MAX_PAGE} ORDER BY id`
    return (await db.all<Row>(sql, [after, limit])).map(keptOf)
  },
  async about(packages) {
    const keys = new Map(
      packages.map(({ ecosystem, name }) => [`${ecosystem} ${nameKey(ecosystem, name)}`, [ecosystem, nameKey(ecosystem, name)]]),
    )
    const wanted = JSON.stringify([...keys.values()])
    const sql = `SELECT p.ecosystem, p.name, p.affected, a.id, a.is_malware AS isMalware, a.summary FROM json_each(?) w
      JOIN registry_advised_packages p ON p.ecosystem = w.value ->> 0 AND p.name_key = w.value ->> 1
      JOIN registry_advisories a ON a.id = p.advisory AND a.modified_ms = (SELECT max(modified_ms) FROM registry_advisories b WHERE b.id = a.id)
      ORDER BY a.is_malware DESC, a.id LIMIT ${MAX_ABOUT}`
    return (await db.all<AboutRow>(sql, [wanted])).map(aboutOf)
  },
  async made(of, after, limit) {
    return (await db.all<EntryRow>(...madeOf(of, after, limit))).map(entryOf)
  },
})

const keptOf = ({ isWithdrawn, isMalware, summary, ...rest }: Row): Kept => ({
  ...rest,
  isWithdrawn: isWithdrawn === 1,
  isMalware: isMalware === 1,
  ...(summary !== null && { summary }),
})

type AboutRow = {
  readonly ecosystem: Ecosystem
  readonly name: string
  readonly affected: string
  readonly id: string
  readonly isMalware: number
  readonly summary: string | null
}
const aboutOf = ({ ecosystem, name, affected, id, isMalware, summary }: AboutRow): AboutPackage => ({
  id,
  isMalware: isMalware === 1,
  ...(summary !== null && { summary }),
  affected: { ecosystem, name, ...(JSON.parse(affected) as Pick<Affected, 'versions' | 'ranges'>) },
})

function madeOf(of: readonly PackageName[], after: VersionMark | undefined, limit: number): [string, readonly SqlValue[]] {
  const servers = of.flatMap(({ ecosystem, name }) => (ecosystem === 'MCP' ? [name] : []))
  const nets = of.flatMap(({ ecosystem, name }) => (ecosystem === 'MCP' ? [] : [netOf(ecosystem, name)]))
  const sql = `${ENTRIES} WHERE (s.server, s.version) IN (
      SELECT p.server, p.version FROM json_each(?) w JOIN registry_version_packages p
        ON p.ecosystem = w.value ->> 0 AND p.net BETWEEN w.value ->> 1 AND w.value ->> 2
      UNION SELECT v.server, v.version FROM json_each(?) w JOIN registry_versions v ON v.server = w.value COLLATE NOCASE)
    AND (s.server, s.sequence) > (?, ?) ORDER BY s.server, s.sequence LIMIT ?`
  return [sql, [JSON.stringify(nets), JSON.stringify(servers), after?.server ?? '', after?.sequence ?? 0, limit]]
}
