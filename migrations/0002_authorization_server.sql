-- Who signed in, which browsers rest on that, and what the authorization server gave out. Times are seconds since the epoch.
-- No value here lets anybody in: cookies, codes and refresh tokens stand as digests, the identity provider's refresh token is sealed.

CREATE TABLE sign_ins (
  id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  member_of TEXT NOT NULL, -- groups: JSON array of strings
  idp_session TEXT, -- the identity provider's `sid`
  refresh_token TEXT, -- the identity provider's, sealed for exactly this row
  started_at INTEGER NOT NULL,
  checked_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_ins_by_subject ON sign_ins (issuer, subject);
CREATE INDEX sign_ins_by_idp_session ON sign_ins (issuer, idp_session) WHERE idp_session IS NOT NULL;
CREATE INDEX sign_ins_by_end ON sign_ins (ends_at);

CREATE TABLE browser_sessions (
  digest TEXT PRIMARY KEY,
  sign_in TEXT NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX browser_sessions_by_sign_in ON browser_sessions (sign_in);
CREATE INDEX browser_sessions_by_end ON browser_sessions (ends_at);

-- Grants, codes and refresh tokens. `sealed` opens only with the value itself.
CREATE TABLE oauth_records (
  kind TEXT NOT NULL,
  digest TEXT NOT NULL,
  family TEXT NOT NULL,
  sign_in TEXT NOT NULL,
  client TEXT NOT NULL,
  sealed BLOB NOT NULL,
  consumed_at INTEGER,
  ends_at INTEGER NOT NULL,
  PRIMARY KEY (kind, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_records_by_family ON oauth_records (family);
CREATE INDEX oauth_records_by_sign_in ON oauth_records (sign_in, client);
CREATE INDEX oauth_records_by_end ON oauth_records (ends_at);

-- Families whose access tokens, already given out, must not count any more.
CREATE TABLE ended_families (
  family TEXT PRIMARY KEY,
  ended_by TEXT NOT NULL, -- which transaction ended it
  until INTEGER NOT NULL -- no access token of it lives longer
) STRICT, WITHOUT ROWID;

CREATE INDEX ended_families_by_cause ON ended_families (ended_by);
CREATE INDEX ended_families_by_until ON ended_families (until);

-- Applications that registered themselves.
CREATE TABLE oauth_clients (
  id TEXT PRIMARY KEY,
  metadata TEXT NOT NULL,
  registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which application a person lets act for them, and what they saw when they said so.
CREATE TABLE consents (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  client TEXT NOT NULL,
  resource TEXT NOT NULL,
  client_name TEXT NOT NULL,
  redirect TEXT NOT NULL,
  redirects TEXT NOT NULL, -- digest over all redirects of the client
  scopes TEXT NOT NULL, -- JSON array of strings
  granted_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject, client, resource)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_by_client ON consents (client);
