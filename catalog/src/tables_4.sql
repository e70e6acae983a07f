-- Users and roles. `verifier` is that of the password in PostgreSQL's format, `settings` a JSON
-- object of texts.
CREATE TABLE role (
    name TEXT PRIMARY KEY NOT NULL,
    can_login INTEGER NOT NULL,
    is_superuser INTEGER NOT NULL,
    verifier TEXT,
    settings TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `member` has the privileges of `role` too.
CREATE TABLE membership (
    member TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (member, role)
) STRICT, WITHOUT ROWID;

-- `kind` is 'function', 'module', 'all functions' or 'all modules'; `object` is empty for all.
CREATE TABLE privilege (
    grantee TEXT NOT NULL,
    privilege TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (grantee, privilege, kind, object)
) STRICT, WITHOUT ROWID;

CREATE TABLE owner (
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (kind, object)
) STRICT, WITHOUT ROWID;

-- `time` is in microseconds since 1970. The newest records of changes are kept, and the newest of
-- events.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY NOT NULL,
    time INTEGER NOT NULL,
    is_change INTEGER NOT NULL,
    user TEXT,
    action TEXT NOT NULL,
    object TEXT,
    digest TEXT,
    detail TEXT
) STRICT;

CREATE INDEX audit_is_change ON audit (is_change, number);

-- Random bytes, from which a server derives salts for names that are no users. It has one row.
CREATE TABLE secret (
    bytes BLOB NOT NULL
) STRICT;
INSERT INTO secret VALUES (randomblob(32));
