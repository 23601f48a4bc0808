-- Advisories (OSV), what those that count say of packages, and which packages versions of servers are made of. Times are milliseconds since the epoch.

-- Every document that ever counted; of one id the latest counts.
CREATE TABLE registry_advisories (
  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 100),
  modified_ms INTEGER NOT NULL,
  is_withdrawn INTEGER NOT NULL CHECK (is_withdrawn IN (0, 1)),
  is_malware INTEGER NOT NULL CHECK (is_malware IN (0, 1)),
  summary TEXT CHECK (length(summary) <= 300),
  document TEXT NOT NULL CHECK (length(document) <= 524288),
  recorded_by TEXT NOT NULL,
  recorded_ms INTEGER NOT NULL,
  PRIMARY KEY (id, modified_ms)
) STRICT;
CREATE TRIGGER registry_advisories_later BEFORE INSERT ON registry_advisories
  WHEN EXISTS (SELECT 1 FROM registry_advisories WHERE id = NEW.id AND modified_ms >= NEW.modified_ms)
  BEGIN SELECT RAISE(ABORT, 'expected a later document'); END;
CREATE TRIGGER registry_advisories_unchanged BEFORE UPDATE ON registry_advisories
  BEGIN SELECT RAISE(ABORT, 'a document never changes'); END;
CREATE TRIGGER registry_advisories_not_deleted BEFORE DELETE ON registry_advisories
  BEGIN SELECT RAISE(ABORT, 'a document never goes away'); END;

-- What the document that counts says of one package (JSON: versions, ranges). Written anew with each document, absent for withdrawn ones.
CREATE TABLE registry_advised_packages (
  ecosystem TEXT NOT NULL,
  name_key TEXT NOT NULL, -- src/registry/advisories/ecosystems.ts
  advisory TEXT NOT NULL,
  name TEXT NOT NULL,
  affected TEXT NOT NULL,
  PRIMARY KEY (ecosystem, name_key, advisory)
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_advised_packages_by_advisory ON registry_advised_packages (advisory);

-- Where to look when an advisory comes: a wide net, what it catches is compared exactly. PyPI names without their `-` `_` `.`, images with tag and digest.
CREATE TABLE registry_version_packages (
  ecosystem TEXT NOT NULL,
  net TEXT NOT NULL,
  server TEXT NOT NULL COLLATE NOCASE,
  version TEXT NOT NULL,
  PRIMARY KEY (ecosystem, net, server, version)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER registry_versions_made AFTER INSERT ON registry_versions BEGIN
  INSERT OR IGNORE INTO registry_version_packages (ecosystem, net, server, version)
    SELECT json_extract(p.value, '$.registryType'),
      CASE json_extract(p.value, '$.registryType')
        WHEN 'npm' THEN json_extract(p.value, '$.identifier')
        WHEN 'pypi' THEN replace(replace(replace(lower(json_extract(p.value, '$.identifier')), '-', ''), '_', ''), '.', '')
        ELSE lower(json_extract(p.value, '$.identifier')) END,
      NEW.server, NEW.version
    FROM json_each(NEW.server_json, '$.packages') p
    WHERE json_type(p.value, '$.registryType') = 'text' AND json_type(p.value, '$.identifier') = 'text';
END;
INSERT OR IGNORE INTO registry_version_packages (ecosystem, net, server, version)
  SELECT json_extract(p.value, '$.registryType'),
    CASE json_extract(p.value, '$.registryType')
      WHEN 'npm' THEN json_extract(p.value, '$.identifier')
      WHEN 'pypi' THEN replace(replace(replace(lower(json_extract(p.value, '$.identifier')), '-', ''), '_', ''), '.', '')
      ELSE lower(json_extract(p.value, '$.identifier')) END,
    v.server, v.version
  FROM registry_versions v, json_each(v.server_json, '$.packages') p
  WHERE json_type(p.value, '$.registryType') = 'text' AND json_type(p.value, '$.identifier') = 'text';
