-- What the proof of a namespace rests on, and what keeps its members from publishing for a while. The table is made anew: a CHECK cannot be widened, and
-- members refer to it.
CREATE TABLE moved_namespaces AS SELECT * FROM registry_namespaces;
CREATE TABLE moved_members AS SELECT * FROM registry_members;
DROP TABLE registry_members;
DROP TABLE registry_namespaces;

CREATE TABLE registry_namespaces (
  name TEXT PRIMARY KEY COLLATE NOCASE CHECK (length(name) BETWEEN 1 AND 150 AND name NOT GLOB '*[^A-Za-z0-9.-]*'),
  skeleton TEXT NOT NULL UNIQUE, -- what it can be mistaken for; with the name behind it where an operator let a look-alike in
  state TEXT NOT NULL CHECK (state IN ('active', 'frozen')),
  proof TEXT NOT NULL CHECK (proof IN ('dns', 'https', 'oidc', 'github', 'none', 'operator')),
  bound TEXT CHECK (length(bound) <= 2048), -- the key or account that proved it (canonical JSON, src/registry/binding.ts); none for an operator's word
  proved_at INTEGER NOT NULL,
  prove_again_at INTEGER, -- nothing is published after it until the proof was given again; none for an operator's word
  quiet_until INTEGER, -- nothing is published before it: key, owner or signer changed
  quiet_why TEXT CHECK (quiet_why IN ('key', 'owner', 'signer')),
  looked_at INTEGER, -- when the gateway itself looked at what the domain publishes
  found TEXT CHECK (found IN ('same', 'other-key', 'absent', 'unreadable')),
  signer TEXT, -- digest of the policy that says who signs for it, as last seen
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_namespaces_by_end ON registry_namespaces (prove_again_at) WHERE proof IN ('dns', 'https');

CREATE TABLE registry_members (
  namespace TEXT NOT NULL COLLATE NOCASE REFERENCES registry_namespaces (name),
  principal TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('owner', 'publisher')),
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, principal)
) STRICT, WITHOUT ROWID;

INSERT INTO registry_namespaces (name, skeleton, state, proof, proved_at, prove_again_at, created_at)
  SELECT name, skeleton, state, proof, proved_at, prove_again_at, created_at FROM moved_namespaces;
INSERT INTO registry_members (namespace, principal, role, added_by, added_at) SELECT namespace, principal, role, added_by, added_at FROM moved_members;
DROP TABLE moved_members;
DROP TABLE moved_namespaces;

-- Tokens and signatures that proved something: each once.
CREATE TABLE registry_spent_proofs (
  id TEXT PRIMARY KEY CHECK (length(id) = 64),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_spent_proofs_by_end ON registry_spent_proofs (expires_at);
