-- What is kept of each namespace in bytes, counted as it comes: nothing of it ever goes away, so a publisher would fill the disk without a bound. A version
-- counts 1,024 more for what stands around its text.

CREATE TABLE registry_usage (
  namespace TEXT PRIMARY KEY COLLATE NOCASE,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO registry_usage (namespace, bytes)
  SELECT namespace, sum(bytes) FROM (
    SELECT n.namespace AS namespace, 1024 + length(CAST(v.server_json AS BLOB)) AS bytes
      FROM registry_versions v JOIN registry_servers n ON n.name = v.server
    UNION ALL
    SELECT n.namespace, length(CAST(a.bundle AS BLOB)) FROM registry_attestations a JOIN registry_servers n ON n.name = a.server
    UNION ALL
    SELECT namespace, bytes FROM registry_documents
  ) GROUP BY namespace COLLATE NOCASE;

CREATE TRIGGER registry_versions_counted AFTER INSERT ON registry_versions BEGIN
  INSERT INTO registry_usage (namespace, bytes)
    SELECT namespace, 1024 + length(CAST(NEW.server_json AS BLOB)) FROM registry_servers WHERE name = NEW.server
    ON CONFLICT (namespace) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER registry_attestations_counted AFTER INSERT ON registry_attestations BEGIN
  INSERT INTO registry_usage (namespace, bytes)
    SELECT namespace, length(CAST(NEW.bundle AS BLOB)) FROM registry_servers WHERE name = NEW.server
    ON CONFLICT (namespace) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER registry_documents_counted AFTER INSERT ON registry_documents BEGIN
  INSERT INTO registry_usage (namespace, bytes) VALUES (NEW.namespace, NEW.bytes)
    ON CONFLICT (namespace) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
