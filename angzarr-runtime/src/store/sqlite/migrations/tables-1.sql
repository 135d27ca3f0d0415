-- Projectors that have tables of their own here. Transactions under an older token are refused.
CREATE TABLE angzarr_writers (
    name TEXT PRIMARY KEY,
    log BLOB NOT NULL,
    token INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Events that are handled though no checkpoint says so.
CREATE TABLE angzarr_handled (
    writer TEXT NOT NULL,
    position INTEGER NOT NULL,
    part INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    PRIMARY KEY (writer, position, part)
) STRICT, WITHOUT ROWID;
