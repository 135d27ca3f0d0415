CREATE TABLE views (
    name TEXT PRIMARY KEY,
    row_type TEXT NOT NULL,
    log BLOB NOT NULL,
    checkpoint INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE rows (
    view TEXT NOT NULL,
    key TEXT NOT NULL,
    row BLOB NOT NULL,
    PRIMARY KEY (view, key)
) WITHOUT ROWID;
