-- Pages as an index gave them; the body is zstd-compressed. Times are microseconds since the epoch, UTC.
CREATE TABLE pages (
    index_name    TEXT NOT NULL,
    name          TEXT NOT NULL,
    url           TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    body          BLOB NOT NULL,
    length        INTEGER NOT NULL,
    etag          TEXT,
    last_modified TEXT,
    max_age       INTEGER,
    fetched       INTEGER NOT NULL,
    PRIMARY KEY (index_name, name)
);

-- Which blob holds what a URL gave.
CREATE TABLE files (
    url      TEXT PRIMARY KEY,
    digest   TEXT NOT NULL,
    size     INTEGER NOT NULL,
    project  TEXT NOT NULL,
    filename TEXT NOT NULL
);
CREATE INDEX files_by_digest ON files (digest);
CREATE INDEX files_by_project ON files (project);

-- When a blob was last used, for eviction.
CREATE TABLE uses (
    digest    TEXT PRIMARY KEY,
    last_used INTEGER NOT NULL
) WITHOUT ROWID;

-- Small things learned that are worth keeping over a restart.
CREATE TABLE facts (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
