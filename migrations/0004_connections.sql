-- Accounts on their way to being connected: links, authorizations under way, consents, and the gateway's own registrations at authorization servers.
-- Links and states are kept as digests, what an authorization is checked against is sealed.
CREATE TABLE pending_connections (
  link TEXT PRIMARY KEY, -- digest
  principal TEXT NOT NULL,
  alias TEXT NOT NULL,
  account TEXT NOT NULL,
  client TEXT NOT NULL,
  scopes TEXT NOT NULL, -- JSON array of strings
  state TEXT UNIQUE, -- digest; set only after consent, taken away when it is spent
  session TEXT, -- digest of the browser session that agreed
  flow TEXT, -- sealed
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state_expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_connections_by_principal ON pending_connections (principal, created_at);
CREATE INDEX pending_connections_by_end ON pending_connections (expires_at);

CREATE TABLE connection_consents (
  principal TEXT NOT NULL,
  account TEXT NOT NULL,
  client TEXT NOT NULL,
  given_at INTEGER NOT NULL,
  PRIMARY KEY (principal, account, client)
) STRICT, WITHOUT ROWID;

CREATE TABLE upstream_clients (
  issuer TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  client_id TEXT NOT NULL,
  authentication TEXT NOT NULL,
  secret TEXT, -- sealed
  expires_at INTEGER,
  PRIMARY KEY (issuer, redirect_uri)
) STRICT, WITHOUT ROWID;
