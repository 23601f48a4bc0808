-- Who read contents that an administrator calls untrusted or private, of which server, and until when that counts. Times are milliseconds since the epoch.
CREATE TABLE flow_marks (
  principal TEXT NOT NULL,
  client TEXT NOT NULL, -- '*': whatever client this principal uses
  server TEXT NOT NULL, -- alias; '*': more servers than are told apart
  method TEXT NOT NULL, -- what was read last
  name TEXT NOT NULL,
  read_at INTEGER NOT NULL,
  untrusted_until INTEGER NOT NULL,
  private_until INTEGER NOT NULL,
  PRIMARY KEY (principal, client, server)
) STRICT, WITHOUT ROWID;
CREATE INDEX flow_marks_ends ON flow_marks (max(untrusted_until, private_until));
