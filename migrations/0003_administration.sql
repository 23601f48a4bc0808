-- The emergency stop, tokens that ended early, and changes that wait for a second person. Times are seconds since the epoch.

CREATE TABLE blocks (
  kind TEXT NOT NULL CHECK (kind IN ('principal', 'client', 'server', 'tool')),
  target TEXT NOT NULL,
  why TEXT NOT NULL,
  blocked_by TEXT NOT NULL,
  blocked_at INTEGER NOT NULL,
  PRIMARY KEY (kind, target)
) STRICT, WITHOUT ROWID;

-- Tokens issued at revoked_at or before no longer count. Rows after alive_until say nothing any more.
CREATE TABLE revocations (
  key TEXT PRIMARY KEY,
  revoked_at INTEGER NOT NULL,
  alive_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_alive ON revocations (alive_until);

CREATE TABLE proposals (
  id TEXT PRIMARY KEY,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  why TEXT NOT NULL,
  proposer TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'applied', 'failed', 'rejected')),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  decided_by TEXT,
  decided_at INTEGER,
  CHECK (decided_by IS NULL OR state = 'rejected' OR decided_by <> proposer)
) STRICT, WITHOUT ROWID;
CREATE INDEX proposals_created ON proposals (created_at);
CREATE INDEX proposals_state ON proposals (state, expires_at);

-- Logout tokens that were honoured, so that none works twice (OpenID Connect Back-Channel Logout 1.0, section 2.6).
CREATE TABLE logout_tokens (
  issuer TEXT NOT NULL,
  jti TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_tokens_expires ON logout_tokens (expires_at);
