-- What people were asked to let through, and what became of it; standing grants. Times are seconds since the epoch. What people were shown is sealed.
CREATE TABLE approvals (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  digest TEXT NOT NULL, -- of the binding
  live TEXT UNIQUE, -- the same while it answers for its binding: at most one does
  principal TEXT NOT NULL,
  server TEXT NOT NULL,
  method TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'spent', 'expired')),
  version INTEGER NOT NULL,
  quorum INTEGER NOT NULL CHECK (quorum > 0),
  opened_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  escalates_at INTEGER, -- until it was told
  binding TEXT NOT NULL,
  demands TEXT NOT NULL,
  decisions TEXT NOT NULL,
  body TEXT
) STRICT;
CREATE INDEX approvals_state ON approvals (state, expires_at);
CREATE INDEX approvals_waiting ON approvals (state, seq);
CREATE INDEX approvals_principal ON approvals (principal, state, expires_at);
CREATE INDEX approvals_own ON approvals (principal, seq);
CREATE INDEX approvals_escalates ON approvals (escalates_at) WHERE escalates_at IS NOT NULL;

CREATE TABLE standing_grants (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  digest TEXT NOT NULL UNIQUE, -- of the terms
  principal TEXT NOT NULL,
  terms TEXT NOT NULL,
  approval TEXT NOT NULL,
  votes TEXT NOT NULL,
  given_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  used_at INTEGER
) STRICT;
CREATE INDEX standing_grants_principal ON standing_grants (principal, seq);
CREATE INDEX standing_grants_expires ON standing_grants (expires_at);
