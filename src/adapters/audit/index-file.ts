// index.db: which tiles hold which terms. Derived from the lines: whatever is wrong with it, it is made again; nothing is proven by it.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { holdsId, type AskedTerms, type TileTerms } from '../../audit/terms.ts'
import {
  openAuditDatabase,
  readAuditDatabase,
  type AuditDatabase,
  type AuditSchema,
  type AuditStatement,
} from '../sqlite/audit-database.ts'

const SCHEMA: AuditSchema = {
  applicationId: 0x47617469,
  version: 1,
  sql: `
    CREATE TABLE log (id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL) STRICT;
    CREATE TABLE terms (term INTEGER NOT NULL, tile INTEGER NOT NULL, PRIMARY KEY (term, tile)) STRICT, WITHOUT ROWID;
    -- Every indexed tile has a row; there is no hole. ids: sorted 32-bit numbers.
    CREATE TABLE tiles (tile INTEGER PRIMARY KEY, earliest TEXT NOT NULL, latest TEXT NOT NULL, ids BLOB NOT NULL) STRICT;
  `,
}

export type IndexRow = TileTerms & { readonly tile: number }

/** What a search asks for. Times as in a query. */
export type Wanted = AskedTerms & { readonly from?: string; readonly to?: string }

export class IndexFile {
  readonly #database: AuditDatabase
  #tiles: number
  readonly #at: AuditStatement<number>
  readonly #span: AuditStatement<{ readonly earliest: string; readonly latest: string }>
  readonly #ids: AuditStatement<Buffer>

  private constructor(database: AuditDatabase) {
    this.#database = database
    this.#tiles = database.prepare<[], number>('SELECT coalesce(max(tile) + 1, 0) FROM tiles').pluck().get() ?? 0
    this.#at = database.prepare<unknown[], number>('SELECT tile FROM terms WHERE term = ? AND tile <= ? ORDER BY tile DESC LIMIT 1').pluck()
    this.#span = database.prepare('SELECT earliest, latest FROM tiles WHERE tile = ?')
    this.#ids = database.prepare<unknown[], Buffer>('SELECT ids FROM tiles WHERE tile = ?').pluck()
  }

  /** For the writer: the index of this log, of whole tiles below `tiles`; made anew where it is another's, goes further than the tree, or cannot be read. */
  static open(dir: string, origin: string, tiles: number): IndexFile {
    const path = join(dir, 'index.db')
    try {
      const database = openAuditDatabase(path, SCHEMA, 'NORMAL')
      const found = database.prepare<[], string>('SELECT origin FROM log').pluck().get()
      if (found === undefined) database.prepare('INSERT INTO log (id, origin) VALUES (1, ?)').run(origin)
      const index = new IndexFile(database)
      if ((found ?? origin) === origin && index.tiles <= tiles) return index
      index.close()
    } catch {
      // Whatever it was, the lines are there to make another.
    }
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    const database = openAuditDatabase(path, SCHEMA, 'NORMAL')
    database.prepare('INSERT INTO log (id, origin) VALUES (1, ?)').run(origin)
    return new IndexFile(database)
  }

  /** For readers; undefined where there is none that can be read: a search then looks at every line. */
  static read(dir: string): IndexFile | undefined {
    try {
      const database = readAuditDatabase(join(dir, 'index.db'), SCHEMA)
      return database && new IndexFile(database)
    } catch {
      return undefined
    }
  }

  /** Tiles below this one are indexed. */
  get tiles(): number {
    return this.#tiles
  }

  /** The next tiles, in order. */
  add(rows: readonly IndexRow[]): void {
    if (rows.length === 0) return
    const term = this.#database.prepare('INSERT OR IGNORE INTO terms (term, tile) VALUES (?, ?)')
    const tile = this.#database.prepare('INSERT INTO tiles (tile, earliest, latest, ids) VALUES (?, ?, ?, ?)')
    this.#database
      .transaction(() => {
        for (const row of rows) {
          for (const value of row.terms) term.run(value, row.tile)
          tile.run(row.tile, row.earliest, row.latest, row.ids)
        }
      })
      .immediate()
    this.#tiles += rows.length
  }

  /** The newest tile at or below `tile` that may hold all that is wanted; undefined when there is none. */
  newest(tile: number, { terms, ids, from, to }: Wanted): number | undefined {
    let at = Math.min(tile, this.#tiles - 1)
    while (at >= 0) {
      let lowest = at
      for (const term of terms) {
        const found = this.#at.get(term, lowest)
        if (found === undefined) return undefined
        lowest = found
      }
      if (lowest === at && this.#isWithin(at, from, to) && this.#hasIds(at, ids)) return at
      at = lowest === at ? at - 1 : lowest
    }
    return undefined
  }

  close(): void {
    this.#database.close()
  }

  #isWithin(tile: number, from: string | undefined, to: string | undefined): boolean {
    if (from === undefined && to === undefined) return true
    const span = this.#span.get(tile)
    return span === undefined || ((from === undefined || span.latest >= from) && (to === undefined || span.earliest < to))
  }

  #hasIds(tile: number, ids: readonly number[]): boolean {
    if (ids.length === 0) return true
    const held = this.#ids.get(tile)
    return held === undefined || ids.every(id => holdsId(held, id))
  }
}
