-- What a principal connected: one grant for each upstream. The secret part is sealed for exactly this row (src/vault/seal-grant.ts);
-- every other column is authenticated with it, so none can be changed without the secret becoming unreadable.
CREATE TABLE vault_grants (
  id TEXT PRIMARY KEY,
  principal TEXT NOT NULL,
  upstream TEXT NOT NULL,
  issuer TEXT NOT NULL,
  resource TEXT NOT NULL,
  scopes TEXT NOT NULL, -- JSON array of strings
  kind TEXT NOT NULL,
  revision INTEGER NOT NULL, -- one more with each refresh
  account TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  key_id TEXT NOT NULL, -- which generation of the vault key sealed it
  sealed TEXT NOT NULL,
  UNIQUE (principal, upstream)
) STRICT, WITHOUT ROWID;

CREATE INDEX vault_grants_by_key ON vault_grants (id, key_id);
