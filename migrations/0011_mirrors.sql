-- Other registries: how far each was read, and the versions seen there. They are no versions of this registry until a reviewer vouches for one; then its bytes
-- come into registry_versions. Times are milliseconds since the epoch.

CREATE TABLE registry_mirrors (
  url TEXT PRIMARY KEY CHECK (length(url) <= 2048),
  state TEXT NOT NULL, -- JSON, MirrorState of src/registry/mirrors/store.ts
  kept_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE registry_mirrored (
  server TEXT NOT NULL COLLATE NOCASE CHECK (instr(server, '/') > 1),
  version TEXT NOT NULL CHECK (length(version) BETWEEN 1 AND 255 AND lower(version) <> 'latest'),
  source TEXT NOT NULL,
  server_json TEXT NOT NULL CHECK (length(server_json) <= 65536),
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  status TEXT NOT NULL CHECK (status IN ('active', 'deprecated', 'deleted')),
  message TEXT CHECK (length(message) <= 1000),
  is_withdrawn INTEGER NOT NULL CHECK (is_withdrawn IN (0, 1)),
  altered_to TEXT CHECK (length(altered_to) = 64), -- the same version had these bytes later
  looks_like TEXT,
  seen_ms INTEGER NOT NULL,
  PRIMARY KEY (server, version)
) STRICT;
CREATE TRIGGER registry_mirrored_kept BEFORE INSERT ON registry_mirrored
  WHEN EXISTS (SELECT 1 FROM registry_mirrored WHERE server = NEW.server AND version = NEW.version)
  BEGIN SELECT RAISE(ABORT, 'this version was seen already'); END;
CREATE TRIGGER registry_mirrored_unchanged BEFORE UPDATE OF server, version, source, server_json, digest, seen_ms ON registry_mirrored
  BEGIN SELECT RAISE(ABORT, 'a mirrored version keeps the bytes it was first seen with'); END;
CREATE TRIGGER registry_mirrored_withdrawn BEFORE UPDATE OF is_withdrawn ON registry_mirrored
  WHEN OLD.is_withdrawn = 1 AND NEW.is_withdrawn = 0
  BEGIN SELECT RAISE(ABORT, 'what was withdrawn stays so'); END;
CREATE TRIGGER registry_mirrored_not_deleted BEFORE DELETE ON registry_mirrored
  BEGIN SELECT RAISE(ABORT, 'a mirrored version never goes away'); END;
