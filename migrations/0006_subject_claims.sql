-- By which claim each issuer names people, as of the last start or reload that was not refused. Whatever else is kept here stands under those names.
CREATE TABLE subject_claims (
  issuer TEXT PRIMARY KEY,
  claim TEXT NOT NULL
) STRICT, WITHOUT ROWID;
