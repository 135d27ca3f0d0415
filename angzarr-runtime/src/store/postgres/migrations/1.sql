-- Everything lies in the schema `angzarr`; other schemas of the database belong to the application. Times are
-- microseconds since 1970. Text is compared by its bytes. Long texts are found by their hash, since an entry of an index
-- takes 2,700 bytes; where they must be unique, whoever writes them does so alone.

CREATE TABLE angzarr.log (
    only_row boolean PRIMARY KEY CHECK (only_row),
    id uuid NOT NULL
);
INSERT INTO angzarr.log (only_row, id) VALUES (true, gen_random_uuid());

-- `next_sequence` spares a look into `records` for every append; there is room on a page for its updates.
CREATE TABLE angzarr.streams (
    id bigint PRIMARY KEY,
    next_sequence bigint NOT NULL,
    root uuid NOT NULL,
    domain text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    UNIQUE (root, domain)
) WITH (fillfactor = 50);

CREATE TABLE angzarr.records (
    position bigint PRIMARY KEY,
    stream bigint NOT NULL,
    sequence bigint NOT NULL,
    created_at bigint NOT NULL,
    occurred_at bigint,
    kind smallint NOT NULL,
    type text COLLATE "C" NOT NULL,
    correlation_id text COLLATE "C" NOT NULL,
    cause bytea,
    payload bytea NOT NULL,
    UNIQUE (stream, sequence)
);
CREATE INDEX records_correlated ON angzarr.records (hashtextextended(correlation_id, 0), position);

-- A key with `count` 0 stands for a decision without events.
CREATE TABLE angzarr.keys (
    stream bigint NOT NULL,
    first_sequence bigint NOT NULL,
    count integer NOT NULL,
    key text COLLATE "C" NOT NULL
);
CREATE INDEX keys_by_stream ON angzarr.keys (stream, hashtextextended(key, 0));

CREATE TABLE angzarr.snapshots (
    stream bigint PRIMARY KEY,
    sequence bigint NOT NULL,
    checksum uuid NOT NULL,
    fingerprint bytea NOT NULL,
    type text COLLATE "C" NOT NULL,
    state bytea NOT NULL
);

-- `position` is that of the record that set the deadline.
CREATE TABLE angzarr.deadlines (
    stream bigint NOT NULL,
    at bigint NOT NULL,
    position bigint NOT NULL,
    domain text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL
);
CREATE INDEX deadlines_by_stream ON angzarr.deadlines (stream, hashtextextended(name, 0));
CREATE INDEX deadlines_due ON angzarr.deadlines (domain, at, position);

-- What came of each writer's last batch, so that asking again after a lost connection gets the same answer.
CREATE TABLE angzarr.writers (
    id uuid PRIMARY KEY,
    last_batch bigint NOT NULL,
    seen_at timestamptz NOT NULL,
    verdicts smallint[] NOT NULL,
    sequences bigint[] NOT NULL,
    positions bigint[] NOT NULL,
    streams bigint[] NOT NULL,
    counts integer[] NOT NULL,
    keys text[] COLLATE "C" NOT NULL
) WITH (fillfactor = 20);

-- A checkpoint and a lease. `token` grows with every holder, `beats` with every renewal; a free lease has no holder.
-- `request` is the call that took it. One that is paused has a reason, and the position that it waits before.
CREATE TABLE angzarr.consumers (
    name text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL,
    token bigint NOT NULL,
    beats bigint NOT NULL,
    holder uuid,
    request uuid,
    paused_before bigint,
    pause_reason text COLLATE "C"
) WITH (fillfactor = 20);

-- `number` grows as orders are given. `answer` and what comes behind it stay empty until the order has ended.
CREATE TABLE angzarr.orders (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    consumer text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    lane text COLLATE "C",
    position bigint,
    part bigint,
    taken boolean NOT NULL DEFAULT false,
    events bigint NOT NULL DEFAULT 0,
    answer text COLLATE "C",
    answer_position bigint,
    answer_part bigint,
    answer_at bigint,
    answer_code text COLLATE "C",
    answer_reason text COLLATE "C"
);
CREATE INDEX orders_by_consumer ON angzarr.orders (consumer, number);

CREATE TABLE angzarr.parked (
    position bigint NOT NULL,
    part bigint NOT NULL,
    consumer text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX parked_by_lane ON angzarr.parked (consumer, hashtextextended(lane, 0), position, part);

CREATE TABLE angzarr.dead_letters (
    position bigint NOT NULL,
    part bigint NOT NULL,
    consumer text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    attempted_at bigint[] NOT NULL,
    codes text[] COLLATE "C" NOT NULL,
    reasons text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (consumer, position, part)
);

-- Commits under an older token of the projector's lease are refused.
CREATE TABLE angzarr.views (
    name text COLLATE "C" PRIMARY KEY,
    row_type text COLLATE "C" NOT NULL,
    log uuid NOT NULL,
    checkpoint bigint NOT NULL,
    token bigint NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE angzarr.view_rows (
    view text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    row bytea NOT NULL
);
CREATE INDEX view_rows_by_key ON angzarr.view_rows (view, hashtextextended(key, 0));
