-- Another signer for a namespace, as somebody proposed it. It says nothing of who may sign: the policies do, which keyholders sign.
CREATE TABLE registry_signer_proposals (
  digest TEXT PRIMARY KEY CHECK (length(digest) = 64), -- of namespace and policy
  namespace TEXT NOT NULL,
  policy TEXT NOT NULL CHECK (length(policy) <= 65536), -- canonical JSON
  kept_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
