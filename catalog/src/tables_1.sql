PRAGMA application_id = 0x46757365;

-- The version of the contents, which grows with every change.
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('version', 0);

CREATE TABLE blob (
    digest TEXT PRIMARY KEY NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE module (
    name TEXT PRIMARY KEY NOT NULL,
    digest TEXT NOT NULL REFERENCES blob (digest)
) STRICT, WITHOUT ROWID;

-- `types` are the argument types as Arrow prints them, in a JSON array.
CREATE TABLE function (
    name TEXT NOT NULL,
    types TEXT NOT NULL,
    definition TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES blob (digest),
    PRIMARY KEY (name, types)
) STRICT, WITHOUT ROWID;

-- `kind` is 'view' or 'external table'.
CREATE TABLE relation (
    name TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    sql TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX function_digest ON function (digest);
CREATE INDEX module_digest ON module (digest);
