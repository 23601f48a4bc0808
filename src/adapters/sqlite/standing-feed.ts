// Changes of standing from state.db: its history only grows, so a number in it is a mark.

import type { ChangedStanding, StandingFeed } from '../../registry/standing-feed.ts'
import type { StateDb } from './state-db.ts'

const SINCE = `SELECT h.id AS mark, n.name AS name, v.version AS version, v.sequence AS sequence, v.digest AS digest, s.standing AS standing,
  h.standing AS became
  FROM registry_standing_history h
  JOIN registry_standings s ON s.server = h.server AND s.version = h.version
  JOIN registry_versions v ON v.server = h.server AND v.version = h.version
  JOIN registry_servers n ON n.name = h.server
  WHERE h.id > ? ORDER BY h.id LIMIT ?`

export const createStandingFeed = (db: StateDb): StandingFeed => ({
  since: (mark, limit) => db.all<ChangedStanding>(SINCE, [mark, limit]),
})
