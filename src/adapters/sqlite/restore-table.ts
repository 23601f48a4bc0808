// THE TABLE of a restore: what becomes of each table of state.db when a copy of an earlier moment is put back. Nothing that was ended since may live again, so what
// people can make anew is ended whole, and what they cannot is joined with what the present database and the audit log know. A test compares it with the schema.

/**
 * `kept`: as the backup has it. `ended`: emptied, or what could act again is taken out. `joined`: with the present database, where it can be read, and with the
 * log (restored-acts.ts); in doubt the stricter of the two stands.
 */
type Fate = {
  readonly is: 'kept' | 'ended' | 'joined'
  /** for people */
  readonly why: string
  /** always */
  readonly sql?: readonly string[]
  /** with the present database as `present`, whatever became of it: what it knows as ended. One transaction for all, with foreign keys judged at its end */
  readonly join?: readonly string[]
  /** besides, where the present database is what the backed-up one became: what is not there any more was ended. One that was begun anew says nothing by that */
  readonly succeed?: readonly string[]
}

const ended = (table: string, why: string): Fate => ({ is: 'ended', why, sql: [`DELETE FROM main.${table}`] })
const kept = (why: string): Fate => ({ is: 'kept', why })
const joined = (why: string, ...join: readonly string[]): Fate => ({ is: 'joined', why, join })
const succeeded = (why: string, ...succeed: readonly string[]): Fate => ({ is: 'joined', why, succeed })

/** Rows of the log of revocations that say the same. */
const SAME_REVOCATION = `m.kind = p.kind AND m.target = p.target AND m.reason = p.reason AND m.action = p.action AND m.not_before IS p.not_before
  AND m.revoked_by = p.revoked_by AND m.revoked_at = p.revoked_at`
const stricter = (from: string, to: string): string => `UPDATE main.registry_standings AS m
  SET standing = p.standing, message = p.message, changed_by = p.changed_by, changed_at = p.changed_at, by_operator = p.by_operator
  FROM present.registry_standings AS p WHERE p.server = m.server AND p.version = m.version AND p.standing = '${to}' AND m.standing ${from}`

/** In this order. */
export const ON_RESTORE: Readonly<Record<string, Fate>> = {
  schema_migrations: kept('what made the schema'),

  sign_ins: ended('sign_ins', 'people sign in again'),
  browser_sessions: ended('browser_sessions', 'people sign in again'),
  oauth_records: ended('oauth_records', 'codes and refresh tokens that were used or revoked since would count again'),
  consents: ended('consents', 'one that was taken back since would hold again; people are asked anew'),
  connection_consents: ended('connection_consents', 'the same, for what applications may do with connected accounts'),
  pending_connections: ended('pending_connections', 'links and states are good once'),
  approvals: ended('approvals', 'one that was used or rejected since would let a call through'),
  standing_grants: ended('standing_grants', 'one that was revoked since would hold again'),
  approval_notices: ended('approval_notices', 'they tell of approvals that are no more'),
  registry_challenges: ended('registry_challenges', 'each is good once'),
  proposals: {
    is: 'ended',
    why: 'one that was decided since would wait again; what was decided before stays readable',
    sql: [`DELETE FROM main.proposals WHERE state IN ('pending', 'approved')`],
  },

  vault_grants: succeeded(
    'a connection that was revoked or replaced since stays so; one that was renewed since is taken as it is now',
    'DELETE FROM main.vault_grants WHERE id NOT IN (SELECT id FROM present.vault_grants)',
    'REPLACE INTO main.vault_grants SELECT * FROM present.vault_grants WHERE id IN (SELECT id FROM main.vault_grants)',
  ),
  upstream_clients: succeeded(
    'the gateway’s registrations that connections rest on',
    'REPLACE INTO main.upstream_clients SELECT * FROM present.upstream_clients',
  ),
  oauth_clients: joined(
    'applications that registered themselves; none may do anything by that alone',
    'INSERT OR IGNORE INTO main.oauth_clients SELECT * FROM present.oauth_clients',
  ),
  subject_claims: succeeded(
    'people are called as they are called now',
    'REPLACE INTO main.subject_claims SELECT * FROM present.subject_claims',
  ),
  blocks: joined('whoever is blocked in either stays blocked', 'INSERT OR IGNORE INTO main.blocks SELECT * FROM present.blocks'),
  revocations: joined(
    'tokens that ended; besides, no token counts that is older than the restore',
    `INSERT INTO main.revocations SELECT * FROM present.revocations WHERE true
      ON CONFLICT (key) DO UPDATE SET revoked_at = max(revoked_at, excluded.revoked_at), alive_until = max(alive_until, excluded.alive_until)`,
  ),
  ended_families: joined(
    'the same, for what the gateway’s own authorization server gave out',
    `INSERT INTO main.ended_families SELECT * FROM present.ended_families WHERE true
      ON CONFLICT (family) DO UPDATE SET until = max(until, excluded.until)`,
  ),
  logout_tokens: joined('a logout token is good once', 'INSERT OR IGNORE INTO main.logout_tokens SELECT * FROM present.logout_tokens'),
  flow_marks: joined(
    'who read untrusted or private contents stays marked',
    `INSERT INTO main.flow_marks SELECT * FROM present.flow_marks WHERE true
      ON CONFLICT (principal, client, server) DO UPDATE SET untrusted_until = max(untrusted_until, excluded.untrusted_until),
        private_until = max(private_until, excluded.private_until), read_at = max(read_at, excluded.read_at)`,
  ),

  registry_members: succeeded('whoever was taken out stays out', 'DELETE FROM main.registry_members'),
  registry_namespaces: succeeded(
    'owner, key and proof are the present ones; frozen in either is frozen, and so is one that the present does not know',
    `UPDATE main.registry_namespaces SET state = 'frozen' WHERE name NOT IN (SELECT name FROM present.registry_namespaces)`,
    `REPLACE INTO main.registry_namespaces (name, skeleton, state, proof, bound, proved_at, prove_again_at, quiet_until, quiet_why, looked_at, found, signer, created_at)
      SELECT p.name, p.skeleton, CASE WHEN m.state = 'frozen' THEN 'frozen' ELSE p.state END, p.proof, p.bound, p.proved_at, p.prove_again_at, p.quiet_until,
        p.quiet_why, p.looked_at, p.found, p.signer, p.created_at
      FROM present.registry_namespaces AS p LEFT JOIN main.registry_namespaces AS m ON m.name = p.name`,
    'INSERT INTO main.registry_members SELECT * FROM present.registry_members',
  ),
  registry_spent_proofs: joined(
    'a proof is good once',
    'INSERT OR IGNORE INTO main.registry_spent_proofs SELECT * FROM present.registry_spent_proofs',
  ),
  registry_signer_proposals: kept('texts that count for nothing until keyholders sign them'),

  registry_servers: kept('a name that was cleared since waits again'),
  registry_versions: kept('versions that were published since are gone'),
  registry_artifacts: kept('of these versions'),
  registry_attestations: kept('of these versions'),
  registry_documents: kept('of these versions'),
  registry_version_packages: kept('of these versions'),
  registry_usage: kept('counts what is kept'),
  registry_revocations: joined(
    'what was revoked stays revoked',
    `INSERT INTO main.registry_revocations SELECT * FROM present.registry_revocations AS p
      WHERE p.sequence > (SELECT coalesce(max(sequence), 0) FROM main.registry_revocations) ORDER BY p.sequence`,
    `INSERT INTO main.registry_revocations (kind, target, reason, action, not_before, revoked_by, revoked_at)
      SELECT kind, target, reason, action, not_before, revoked_by, revoked_at FROM present.registry_revocations AS p
      WHERE NOT EXISTS (SELECT 1 FROM main.registry_revocations AS m WHERE ${SAME_REVOCATION}) ORDER BY p.sequence`,
  ),
  registry_standings: joined('revoked and deprecated stay so', stricter(`<> 'revoked'`, 'revoked'), stricter(`= 'admitted'`, 'deprecated')),
  registry_standing_history: kept('grows by what becomes of the standings'),
  registry_advisories: joined(
    'the later document counts',
    `INSERT INTO main.registry_advisories SELECT * FROM present.registry_advisories AS p
      WHERE p.modified_ms > coalesce((SELECT max(modified_ms) FROM main.registry_advisories AS m WHERE m.id = p.id), -1) ORDER BY p.id, p.modified_ms`,
  ),
  registry_advised_packages: joined(
    'as the documents say that count',
    `DELETE FROM main.registry_advised_packages WHERE advisory IN (SELECT m.id FROM main.registry_advisories AS m
      JOIN present.registry_advisories AS p USING (id, modified_ms)
      WHERE m.modified_ms = (SELECT max(modified_ms) FROM main.registry_advisories AS o WHERE o.id = m.id))`,
    'INSERT OR IGNORE INTO main.registry_advised_packages SELECT * FROM present.registry_advised_packages',
  ),
  registry_mirrors: kept('they are read on from there'),
  registry_mirrored: joined(
    'what was withdrawn or altered stays out',
    `UPDATE main.registry_mirrored AS m SET is_withdrawn = max(m.is_withdrawn, p.is_withdrawn), altered_to = coalesce(m.altered_to, p.altered_to)
      FROM present.registry_mirrored AS p WHERE p.server = m.server AND p.version = m.version`,
  ),
}
