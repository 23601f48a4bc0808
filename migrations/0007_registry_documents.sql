-- Documents of a version that statements name by digest: surfaces, the definitions behind them, lock files. Kept only where a verified statement vouches for
-- the bytes, and like everything that was verified they never change and never go away. Whoever uses one compares its digest all the same.

CREATE TABLE registry_documents (
  server TEXT NOT NULL COLLATE NOCASE,
  version TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('surface', 'definitions', 'lock:package-lock.json', 'lock:requirements.txt')),
  signed TEXT NOT NULL CHECK (length(signed) = 64), -- what a statement says: the digest of a surface or lock file; for definitions that of their surface
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64), -- of the content
  namespace TEXT NOT NULL COLLATE NOCASE,
  bytes INTEGER NOT NULL,
  kept_at INTEGER NOT NULL,
  content BLOB NOT NULL CHECK (length(content) = bytes AND bytes <= CASE kind WHEN 'definitions' THEN 8388608 ELSE 4194304 END),
  PRIMARY KEY (server, version, kind, signed),
  FOREIGN KEY (server, version) REFERENCES registry_versions (server, version)
) STRICT;
CREATE INDEX registry_documents_by_namespace ON registry_documents (namespace, bytes);
CREATE TRIGGER registry_documents_kept BEFORE INSERT ON registry_documents
  WHEN EXISTS (SELECT 1 FROM registry_documents WHERE server = NEW.server AND version = NEW.version AND kind = NEW.kind AND signed = NEW.signed)
  BEGIN SELECT RAISE(ABORT, 'this document exists'); END;
CREATE TRIGGER registry_documents_bounded BEFORE INSERT ON registry_documents
  WHEN NEW.bytes + coalesce((SELECT sum(bytes) FROM registry_documents WHERE server = NEW.server AND version = NEW.version), 0) > 16777216
  BEGIN SELECT RAISE(ABORT, 'a version has no more documents than this'); END;
CREATE TRIGGER registry_documents_unchanged BEFORE UPDATE ON registry_documents
  BEGIN SELECT RAISE(ABORT, 'a document never changes'); END;
CREATE TRIGGER registry_documents_not_deleted BEFORE DELETE ON registry_documents
  BEGIN SELECT RAISE(ABORT, 'a document never goes away'); END;
