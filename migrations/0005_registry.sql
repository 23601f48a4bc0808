-- The registry: who owns a namespace, which versions of which servers were published, how they stand, what was verified about them, what was withdrawn.
-- Names keep their case for display and signatures, and are compared without it. Times are seconds since the epoch, principals `<issuer> <subject>`.
-- What must never change is guarded by triggers. REPLACE deletes without running a DELETE trigger unless recursive_triggers is on (state-file.ts turns it on),
-- and a trigger in front of each insertion refuses it besides.

CREATE TABLE registry_namespaces (
  name TEXT PRIMARY KEY COLLATE NOCASE CHECK (length(name) BETWEEN 1 AND 150 AND name NOT GLOB '*[^A-Za-z0-9.-]*'),
  skeleton TEXT NOT NULL UNIQUE, -- what it can be mistaken for; with the name behind it where an operator let a look-alike in
  state TEXT NOT NULL CHECK (state IN ('active', 'frozen')),
  proof TEXT NOT NULL CHECK (proof IN ('dns', 'https', 'operator')),
  proved_at INTEGER NOT NULL,
  prove_again_at INTEGER, -- nothing is published after it until the proof was given again; none for an operator's word
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE registry_members (
  namespace TEXT NOT NULL COLLATE NOCASE REFERENCES registry_namespaces (name),
  principal TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('owner', 'publisher')),
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, principal)
) STRICT, WITHOUT ROWID;

-- Claims under way: a claim that is not proved keeps nobody else from claiming.
CREATE TABLE registry_challenges (
  nonce TEXT PRIMARY KEY,
  namespace TEXT NOT NULL COLLATE NOCASE,
  principal TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_challenges_by_end ON registry_challenges (expires_at);
CREATE INDEX registry_challenges_by_principal ON registry_challenges (principal, issued_at);

CREATE TABLE registry_servers (
  name TEXT PRIMARY KEY COLLATE NOCASE CHECK (instr(name, '/') > 1),
  namespace TEXT NOT NULL COLLATE NOCASE,
  skeleton TEXT NOT NULL,
  looks_like TEXT, -- until a reviewer clears it
  cleared_by TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_servers_by_namespace ON registry_servers (namespace, name);
CREATE INDEX registry_servers_by_skeleton ON registry_servers (length(skeleton), name);

CREATE TABLE registry_versions (
  server TEXT NOT NULL COLLATE NOCASE REFERENCES registry_servers (name),
  version TEXT NOT NULL CHECK (length(version) BETWEEN 1 AND 255 AND lower(version) <> 'latest'),
  sequence INTEGER NOT NULL,
  server_json TEXT NOT NULL CHECK (length(server_json) <= 65536),
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  published_by TEXT NOT NULL,
  published_at INTEGER NOT NULL,
  PRIMARY KEY (server, version),
  UNIQUE (server, sequence)
) STRICT;
CREATE TRIGGER registry_versions_kept BEFORE INSERT ON registry_versions
  WHEN EXISTS (SELECT 1 FROM registry_versions WHERE server = NEW.server AND version = NEW.version)
  BEGIN SELECT RAISE(ABORT, 'this version exists'); END;
CREATE TRIGGER registry_versions_sequence BEFORE INSERT ON registry_versions
  WHEN NEW.sequence <> 1 + coalesce((SELECT max(sequence) FROM registry_versions WHERE server = NEW.server), 0)
  BEGIN SELECT RAISE(ABORT, 'expected the next sequence number'); END;
CREATE TRIGGER registry_versions_unchanged BEFORE UPDATE ON registry_versions
  BEGIN SELECT RAISE(ABORT, 'a version never changes'); END;
CREATE TRIGGER registry_versions_not_deleted BEFORE DELETE ON registry_versions
  BEGIN SELECT RAISE(ABORT, 'a version never goes away'); END;

-- The part of a version that changes, and what lists are read from. order_key: src/registry/versions.ts.
CREATE TABLE registry_standings (
  server TEXT NOT NULL COLLATE NOCASE,
  sequence INTEGER NOT NULL,
  version TEXT NOT NULL,
  order_key TEXT NOT NULL,
  search TEXT NOT NULL,
  standing TEXT NOT NULL CHECK (standing IN ('quarantined', 'admitted', 'deprecated', 'revoked')),
  message TEXT CHECK (length(message) <= 500),
  changed_by TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  is_latest INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (server, sequence),
  UNIQUE (server, version),
  FOREIGN KEY (server, version) REFERENCES registry_versions (server, version)
) STRICT;
-- A search reads this index alone, and rows only where it found something.
CREATE INDEX registry_standings_shown ON registry_standings (server, sequence, standing, version, search) WHERE standing <> 'quarantined';
CREATE INDEX registry_standings_changed ON registry_standings (changed_at, server, sequence) WHERE standing <> 'quarantined';
CREATE INDEX registry_standings_latest ON registry_standings (server, sequence) WHERE is_latest = 1;
CREATE INDEX registry_standings_heads ON registry_standings (server, order_key, sequence) WHERE standing IN ('admitted', 'deprecated');

CREATE TABLE registry_standing_history (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  server TEXT NOT NULL COLLATE NOCASE,
  version TEXT NOT NULL,
  standing TEXT NOT NULL,
  message TEXT,
  changed_by TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX registry_standing_history_by_server ON registry_standing_history (server, id);
CREATE TRIGGER registry_history_kept BEFORE INSERT ON registry_standing_history
  WHEN EXISTS (SELECT 1 FROM registry_standing_history WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'the history only grows'); END;
CREATE TRIGGER registry_history_unchanged BEFORE UPDATE ON registry_standing_history
  BEGIN SELECT RAISE(ABORT, 'the history only grows'); END;
CREATE TRIGGER registry_history_not_deleted BEFORE DELETE ON registry_standing_history
  BEGIN SELECT RAISE(ABORT, 'the history only grows'); END;

CREATE TRIGGER registry_standings_kept BEFORE INSERT ON registry_standings
  WHEN EXISTS (SELECT 1 FROM registry_standings WHERE server = NEW.server AND (sequence = NEW.sequence OR version = NEW.version))
  BEGIN SELECT RAISE(ABORT, 'this version has a standing'); END;
CREATE TRIGGER registry_standings_not_deleted BEFORE DELETE ON registry_standings
  BEGIN SELECT RAISE(ABORT, 'a standing never goes away'); END;
CREATE TRIGGER registry_standings_revoked BEFORE UPDATE OF standing ON registry_standings
  WHEN OLD.standing = 'revoked' OR (NEW.standing = 'quarantined' AND OLD.standing <> 'quarantined')
  BEGIN SELECT RAISE(ABORT, 'what is revoked stays revoked, and what left quarantine does not go back'); END;
CREATE TRIGGER registry_standings_named BEFORE UPDATE OF server, sequence, version, order_key ON registry_standings
  BEGIN SELECT RAISE(ABORT, 'a standing belongs to its version'); END;
CREATE TRIGGER registry_standings_first AFTER INSERT ON registry_standings BEGIN
  INSERT INTO registry_standing_history (server, version, standing, message, changed_by, changed_at)
    VALUES (NEW.server, NEW.version, NEW.standing, NEW.message, NEW.changed_by, NEW.changed_at);
  UPDATE registry_standings SET is_latest = 0 WHERE server = NEW.server AND is_latest = 1;
  UPDATE registry_standings SET is_latest = 1 WHERE server = NEW.server AND sequence = (
    SELECT sequence FROM registry_standings WHERE server = NEW.server AND standing IN ('admitted', 'deprecated')
    ORDER BY order_key DESC, sequence DESC LIMIT 1);
END;
CREATE TRIGGER registry_standings_next AFTER UPDATE OF standing ON registry_standings BEGIN
  INSERT INTO registry_standing_history (server, version, standing, message, changed_by, changed_at)
    VALUES (NEW.server, NEW.version, NEW.standing, NEW.message, NEW.changed_by, NEW.changed_at);
  UPDATE registry_standings SET is_latest = 0 WHERE server = NEW.server AND is_latest = 1;
  UPDATE registry_standings SET is_latest = 1 WHERE server = NEW.server AND sequence = (
    SELECT sequence FROM registry_standings WHERE server = NEW.server AND standing IN ('admitted', 'deprecated')
    ORDER BY order_key DESC, sequence DESC LIMIT 1);
END;

-- What the verified statements of a version say is to be run.
CREATE TABLE registry_artifacts (
  server TEXT NOT NULL COLLATE NOCASE,
  version TEXT NOT NULL,
  position INTEGER NOT NULL,
  identifier TEXT NOT NULL,
  algorithm TEXT NOT NULL CHECK (algorithm IN ('sha256', 'sha512')),
  digest TEXT NOT NULL,
  PRIMARY KEY (server, version, position),
  FOREIGN KEY (server, version) REFERENCES registry_versions (server, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_artifacts_by_digest ON registry_artifacts (digest);
CREATE TRIGGER registry_artifacts_kept BEFORE INSERT ON registry_artifacts
  WHEN EXISTS (SELECT 1 FROM registry_artifacts WHERE server = NEW.server AND version = NEW.version AND position = NEW.position)
  BEGIN SELECT RAISE(ABORT, 'this artifact exists'); END;
CREATE TRIGGER registry_artifacts_unchanged BEFORE UPDATE ON registry_artifacts
  BEGIN SELECT RAISE(ABORT, 'an artifact never changes'); END;
CREATE TRIGGER registry_artifacts_not_deleted BEFORE DELETE ON registry_artifacts
  BEGIN SELECT RAISE(ABORT, 'an artifact never goes away'); END;

CREATE TABLE registry_attestations (
  digest TEXT NOT NULL CHECK (length(digest) = 64), -- of the bundle
  server TEXT NOT NULL COLLATE NOCASE,
  version TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('publisher', 'review')),
  bundle TEXT NOT NULL CHECK (length(bundle) <= 262144),
  signer TEXT NOT NULL,
  verified_at INTEGER NOT NULL,
  PRIMARY KEY (server, version, digest),
  FOREIGN KEY (server, version) REFERENCES registry_versions (server, version)
) STRICT;
CREATE TRIGGER registry_attestations_kept BEFORE INSERT ON registry_attestations
  WHEN EXISTS (SELECT 1 FROM registry_attestations WHERE server = NEW.server AND version = NEW.version AND digest = NEW.digest)
  BEGIN SELECT RAISE(ABORT, 'this attestation exists'); END;
CREATE TRIGGER registry_attestations_unchanged BEFORE UPDATE ON registry_attestations
  BEGIN SELECT RAISE(ABORT, 'an attestation never changes'); END;
CREATE TRIGGER registry_attestations_not_deleted BEFORE DELETE ON registry_attestations
  BEGIN SELECT RAISE(ABORT, 'an attestation never goes away'); END;

CREATE TABLE registry_revocations (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('version', 'artifact', 'bundle', 'key', 'identity', 'namespace')),
  target TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('malware', 'vulnerable', 'key-compromise', 'account-takeover', 'policy', 'publisher-request')),
  action TEXT NOT NULL CHECK (action IN ('block', 'warn')),
  not_before INTEGER,
  revoked_by TEXT NOT NULL,
  revoked_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER registry_revocations_kept BEFORE INSERT ON registry_revocations
  WHEN EXISTS (SELECT 1 FROM registry_revocations WHERE sequence = NEW.sequence)
  BEGIN SELECT RAISE(ABORT, 'revocations are only appended'); END;
CREATE TRIGGER registry_revocations_unchanged BEFORE UPDATE ON registry_revocations
  BEGIN SELECT RAISE(ABORT, 'revocations are only appended'); END;
CREATE TRIGGER registry_revocations_not_deleted BEFORE DELETE ON registry_revocations
  BEGIN SELECT RAISE(ABORT, 'revocations are only appended'); END;
