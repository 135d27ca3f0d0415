-- Projectors that have tables of their own in this database. Transactions under an older token are refused.
CREATE TABLE angzarr.table_writers (
    consumer text COLLATE "C" PRIMARY KEY,
    token bigint NOT NULL,
    position bigint NOT NULL
) WITH (fillfactor = 20);
-- Events that are handled though no checkpoint says so.
CREATE TABLE angzarr.handled (
    consumer text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    part bigint NOT NULL,
    parked boolean NOT NULL,
    PRIMARY KEY (consumer, position, part)
);
