-- Tables whose rows are kept: `kind` of their relations is 'table'. `schema` is a stream of Arrow's
-- IPC format without batches.
CREATE TABLE stored_table (
    name TEXT PRIMARY KEY NOT NULL REFERENCES relation (name) ON DELETE CASCADE,
    schema BLOB NOT NULL
) STRICT;

-- Rows of a table, in the order of `position`: `bytes` of the blob are a stream of Arrow's IPC
-- format with one batch of `row_count` rows.
CREATE TABLE chunk (
    table_name TEXT NOT NULL REFERENCES stored_table (name) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    digest TEXT NOT NULL REFERENCES blob (digest),
    row_count INTEGER NOT NULL,
    PRIMARY KEY (table_name, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX chunk_digest ON chunk (digest);
