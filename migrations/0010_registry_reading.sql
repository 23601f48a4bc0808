-- Who set a standing: what an operator deprecated, no publisher takes back. And what is asked of the registry besides lists: what waits for a reviewer, and
-- what speaks against one version.

ALTER TABLE registry_standings ADD COLUMN by_operator INTEGER NOT NULL DEFAULT 0 CHECK (by_operator IN (0, 1));
CREATE INDEX registry_standings_waiting ON registry_standings (changed_at, server, sequence) WHERE standing = 'quarantined';
-- Names are compared without case; digests are lower case, and who asks for a key or identity compares again.
CREATE INDEX registry_revocations_by_target ON registry_revocations (kind, target COLLATE NOCASE);
