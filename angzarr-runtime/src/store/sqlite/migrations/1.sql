-- Positions are given by the writer; `next_sequence` spares a look into `records` for every append. A key with
-- `count` 0 stands for a decision without events. Times are microseconds since 1970. `order_changes` counts the changes of
-- `orders`, so that other processes need not read them to notice one.
CREATE TABLE log (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id BLOB NOT NULL,
    order_changes INTEGER NOT NULL DEFAULT 0
);
INSERT INTO log (only_row, id) VALUES (1, randomblob(16));
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,
    root BLOB NOT NULL,
    key TEXT NOT NULL,
    next_sequence INTEGER NOT NULL,
    UNIQUE (domain, root)
);
CREATE TABLE records (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (id),
    sequence INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    type TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    occurred_at INTEGER,
    correlation_id TEXT NOT NULL,
    cause BLOB,
    UNIQUE (stream, sequence)
);
CREATE TABLE keys (
    stream INTEGER NOT NULL REFERENCES streams (id),
    key TEXT NOT NULL,
    first_sequence INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (stream, key)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    stream INTEGER PRIMARY KEY REFERENCES streams (id),
    sequence INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    type TEXT NOT NULL,
    state BLOB NOT NULL,
    checksum BLOB NOT NULL
);
CREATE TABLE checkpoints (
    consumer TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
