-- Each version of a view has a table of its own. What earlier releases kept is rebuilt from the log.
DROP TABLE rows;
DROP TABLE views;
CREATE TABLE angzarr_views (
    name TEXT PRIMARY KEY,
    log BLOB NOT NULL,
    token INTEGER NOT NULL,
    newest INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE angzarr_versions (
    view TEXT NOT NULL,
    number INTEGER NOT NULL,
    active INTEGER NOT NULL,
    rows TEXT NOT NULL,
    shape TEXT NOT NULL,
    checkpoint INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (view, number)
) STRICT, WITHOUT ROWID;
-- Deleted rows whose last event is behind the checkpoint.
CREATE TABLE angzarr_tombstones (
    view TEXT NOT NULL,
    number INTEGER NOT NULL,
    key TEXT NOT NULL,
    position INTEGER NOT NULL,
    part INTEGER NOT NULL,
    PRIMARY KEY (view, number, key)
) STRICT, WITHOUT ROWID;
