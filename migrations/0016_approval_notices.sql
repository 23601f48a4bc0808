-- What webhooks are told of approvals, until they took it. One row for each thing told to each of them.
CREATE TABLE approval_notices (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  hook TEXT NOT NULL,
  approval TEXT NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL, -- seconds since the epoch, as all here
  attempts INTEGER NOT NULL DEFAULT 0,
  due INTEGER, -- not before then; NULL once it ended
  state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'taken', 'dead')),
  UNIQUE (hook, approval, kind)
) STRICT;
CREATE INDEX approval_notices_due ON approval_notices (due, seq) WHERE due IS NOT NULL;
