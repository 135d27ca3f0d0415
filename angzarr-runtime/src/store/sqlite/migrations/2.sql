-- Several processes on one log: a consumer has a lease beside its checkpoint. `token` grows with every holder, `beats`
-- with every renewal; a free lease has no holder. One that is paused has a reason, and the position that it waits before.
CREATE TABLE consumers (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    token INTEGER NOT NULL,
    beats INTEGER NOT NULL,
    holder BLOB,
    paused_before INTEGER,
    pause_reason TEXT
) WITHOUT ROWID;
INSERT INTO consumers (name, position, token, beats) SELECT consumer, position, 0, 0 FROM checkpoints;
DROP TABLE checkpoints;

CREATE TABLE parked (
    consumer TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL REFERENCES records (position),
    part INTEGER NOT NULL,
    PRIMARY KEY (consumer, lane, position, part)
) WITHOUT ROWID;
CREATE TABLE dead_letters (
    consumer TEXT NOT NULL,
    position INTEGER NOT NULL REFERENCES records (position),
    part INTEGER NOT NULL,
    lane TEXT NOT NULL,
    PRIMARY KEY (consumer, position, part)
) WITHOUT ROWID;
CREATE TABLE attempts (
    consumer TEXT NOT NULL,
    position INTEGER NOT NULL,
    part INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (consumer, position, part, number),
    FOREIGN KEY (consumer, position, part) REFERENCES dead_letters (consumer, position, part)
) WITHOUT ROWID;

-- `position` is that of the record that set the deadline.
CREATE TABLE deadlines (
    stream INTEGER NOT NULL REFERENCES streams (id),
    name TEXT NOT NULL,
    domain TEXT NOT NULL,
    at INTEGER NOT NULL,
    position INTEGER NOT NULL REFERENCES records (position),
    PRIMARY KEY (stream, name)
) WITHOUT ROWID;
CREATE INDEX deadlines_due ON deadlines (domain, at, position);

-- Within one correlation id, SQLite keeps the entries in the order of `position`.
CREATE INDEX records_correlated ON records (correlation_id);

-- `number` grows as orders are given. `answer` and what comes behind it stay empty until the order has ended.
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    consumer TEXT NOT NULL,
    kind TEXT NOT NULL,
    lane TEXT,
    position INTEGER,
    part INTEGER,
    taken INTEGER NOT NULL DEFAULT 0,
    events INTEGER NOT NULL DEFAULT 0,
    answer TEXT,
    answer_position INTEGER,
    answer_part INTEGER,
    answer_at INTEGER,
    answer_code TEXT,
    answer_reason TEXT
);
CREATE INDEX orders_by_consumer ON orders (consumer);
