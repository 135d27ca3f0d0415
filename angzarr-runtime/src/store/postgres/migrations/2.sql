-- Appends a group of books: see `write` for what comes after it. All arrays of books are as long as `lists`; books of one
-- list are of one stream, and each is stored only behind those before it. Records name their book by its number, from 1,
-- and their place in it, from 0; so do deadlines, where no time clears.
--
-- A verdict is 0 stored, 1 duplicate, 2 conflict, 3 stream full, 4 not tried. `sequences` are where a stored or recorded
-- book begins, or what is next where there was a conflict; `keys` are the natural ids of the streams. `reaches` is the
-- position at which the log ends now.
CREATE FUNCTION angzarr.append(
    writer uuid, batch bigint,
    lists integer[], domains text[], roots uuid[], natural_ids text[], expectations bigint[], book_keys text[],
    sizes integer[], effective boolean[], recorded_at bigint[],
    record_books integer[], record_indexes integer[], kinds smallint[], types text[], payloads bytea[],
    occurrences bigint[], correlation_ids text[], causes bytea[],
    deadline_books integer[], deadline_indexes integer[], deadline_names text[], deadline_times bigint[],
    OUT verdicts smallint[], OUT sequences bigint[], OUT positions bigint[], OUT streams bigint[],
    OUT counts integer[], OUT keys text[], OUT reaches bigint
) LANGUAGE plpgsql AS $$
DECLARE
    done bigint;
    stream_count bigint;
    nexts bigint[];
    firsts bigint[];
    inserted integer[];
    updated integer[];
    ends bigint[];
    stream bigint;
    next bigint;
    verdict smallint;
    leader integer;
    keyed boolean := false;
    position bigint;
BEGIN
    -- One at a time: positions are committed in their order. Whatever comes after this sees what was committed before.
    PERFORM pg_advisory_xact_lock(1095649114, 1);
    SELECT w.last_batch, w.verdicts, w.sequences, w.positions, w.streams, w.counts, w.keys,
            coalesce((SELECT max(r.position) FROM angzarr.records r), 0),
            coalesce((SELECT max(s.id) FROM angzarr.streams s), 0)
        INTO done, verdicts, sequences, positions, streams, counts, keys, reaches, stream_count
        FROM (VALUES (writer)) AS v (id) LEFT JOIN angzarr.writers w ON w.id = v.id;
    IF done >= batch THEN
        RETURN;
    END IF;
    SELECT array_agg(s.id ORDER BY b.n), array_agg(coalesce(s.next_sequence, 0) ORDER BY b.n),
            array_agg(s.key ORDER BY b.n), array_agg(k.first_sequence ORDER BY b.n), array_agg(k.count ORDER BY b.n)
        INTO streams, nexts, keys, firsts, counts
        FROM unnest(roots, domains, book_keys) WITH ORDINALITY AS b (root, domain, key, n)
        LEFT JOIN LATERAL (
            SELECT f.id, f.key, f.next_sequence FROM angzarr.streams f
            WHERE f.root = b.root AND f.domain = b.domain LIMIT 1
        ) s ON true
        LEFT JOIN LATERAL (
            SELECT f.first_sequence, f.count FROM angzarr.keys f
            WHERE f.stream = s.id AND hashtextextended(f.key, 0) = hashtextextended(b.key, 0) AND f.key = b.key LIMIT 1
        ) k ON true;

    verdicts := array_fill(4::smallint, ARRAY[cardinality(lists)]);
    sequences := nexts;
    positions := array_fill(0::bigint, ARRAY[cardinality(lists)]);
    position := reaches;
    FOR book IN 1 .. cardinality(lists) LOOP
        IF book = 1 OR lists[book] <> lists[book - 1] THEN
            verdict := 0;
            leader := NULL;
            stream := streams[book];
            next := nexts[book];
        END IF;
        IF verdict <> 0 THEN
            CONTINUE;
        END IF;
        sequences[book] := next;
        IF counts[book] IS NOT NULL THEN
            verdict := 1;
            sequences[book] := firsts[book];
        ELSIF expectations[book] <> next THEN
            verdict := 2;
        ELSIF next + sizes[book] > 4294967295 THEN
            verdict := 3;
        ELSE
            positions[book] := position + 1;
            position := position + sizes[book];
            next := next + sizes[book];
            counts[book] := sizes[book];
            IF effective[book] THEN
                IF leader IS NULL THEN
                    leader := book;
                    IF stream IS NULL THEN
                        stream_count := stream_count + 1;
                        stream := stream_count;
                        inserted := inserted || book;
                    ELSE
                        updated := updated || book;
                    END IF;
                END IF;
                ends[leader] := next;
                keyed := keyed OR book_keys[book] IS NOT NULL;
            END IF;
            streams[book] := stream;
            IF leader IS NOT NULL THEN
                keys[book] := coalesce(keys[book], natural_ids[leader]);
            END IF;
        END IF;
        verdicts[book] := verdict;
    END LOOP;

    IF inserted IS NOT NULL THEN
        INSERT INTO angzarr.streams (id, next_sequence, root, domain, key)
            SELECT streams[b], ends[b], roots[b], domains[b], natural_ids[b] FROM unnest(inserted) AS b;
    END IF;
    IF updated IS NOT NULL THEN
        UPDATE angzarr.streams s SET next_sequence = ends[b] FROM unnest(updated) AS b WHERE s.id = streams[b];
    END IF;
    IF keyed THEN
        INSERT INTO angzarr.keys (stream, first_sequence, count, key)
            SELECT u.stream, u.first, u.count, u.key
            FROM unnest(verdicts, streams, sequences, counts, book_keys) AS u (verdict, stream, first, count, key)
            WHERE u.verdict = 0 AND u.key IS NOT NULL;
    END IF;
    IF position > reaches THEN
        reaches := position;
        INSERT INTO angzarr.records
                (position, stream, sequence, created_at, occurred_at, kind, type, correlation_id, cause, payload)
            SELECT positions[u.book] + u.index, streams[u.book], sequences[u.book] + u.index, recorded_at[u.book],
                u.occurred, u.kind, u.type, u.correlation_id, u.cause, u.payload
            FROM unnest(record_books, record_indexes, occurrences, kinds, types, correlation_ids, causes, payloads)
                AS u (book, index, occurred, kind, type, correlation_id, cause, payload)
            WHERE verdicts[u.book] = 0;
    END IF;
    -- What has no records cannot be kept from readers until it is on the disk, so it is committed when it is.
    IF 0 = ANY (sizes) AND EXISTS (
        SELECT FROM unnest(verdicts, sizes, effective) AS u (verdict, size, effective)
        WHERE u.verdict = 0 AND u.size = 0 AND u.effective
    ) THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF cardinality(deadline_books) > 0 THEN
        PERFORM angzarr.change_deadlines(streams, verdicts, positions, domains,
            deadline_books, deadline_indexes, deadline_names, deadline_times);
    END IF;
    UPDATE angzarr.writers w SET last_batch = batch, seen_at = now(), verdicts = append.verdicts,
        sequences = append.sequences, positions = append.positions, streams = append.streams,
        counts = append.counts, keys = append.keys WHERE w.id = writer;
    IF NOT FOUND THEN
        INSERT INTO angzarr.writers VALUES (writer, batch, now(), verdicts, sequences, positions, streams, counts, keys);
    END IF;
END
$$;

-- What was cleared or set goes; then comes what was set last under each name. A null time clears.
CREATE FUNCTION angzarr.change_deadlines(
    streams bigint[], verdicts smallint[], positions bigint[], domains text[],
    deadline_books integer[], deadline_indexes integer[], deadline_names text[], deadline_times bigint[]
) RETURNS void LANGUAGE sql AS $$
    DELETE FROM angzarr.deadlines d USING unnest(deadline_books, deadline_names) AS u (book, name)
        WHERE verdicts[u.book] = 0 AND d.stream = streams[u.book]
            AND hashtextextended(d.name, 0) = hashtextextended(u.name, 0) AND d.name = u.name;
    INSERT INTO angzarr.deadlines (stream, at, position, domain, name)
        SELECT l.stream, l.at, l.position, domains[l.book], l.name FROM (
            SELECT DISTINCT ON (streams[u.book], u.name) streams[u.book] AS stream, u.at,
                positions[u.book] + u.index AS position, u.book, u.name
            FROM unnest(deadline_books, deadline_indexes, deadline_names, deadline_times)
                WITH ORDINALITY AS u (book, index, name, at, ord)
            WHERE verdicts[u.book] = 0 ORDER BY streams[u.book], u.name, u.ord DESC
        ) l WHERE l.at IS NOT NULL;
$$;

-- The position up to which readers may read: it is on the disk, and so is everything before it. A sequence, since that
-- changes without leaving an old version behind each time. Its last changes need not outlive a crash of the server: see
-- `settle`.
CREATE SEQUENCE angzarr.published MINVALUE 0 START 0;

-- Appends a group in one round trip. The lock is given back before the disk is waited for, so that groups of several
-- writers share a flush; until it is over, no reader sees the records.
CREATE PROCEDURE angzarr.write(
    writer uuid, batch bigint,
    lists integer[], domains text[], roots uuid[], natural_ids text[], expectations bigint[], book_keys text[],
    sizes integer[], effective boolean[], recorded_at bigint[],
    record_books integer[], record_indexes integer[], kinds smallint[], types text[], payloads bytea[],
    occurrences bigint[], correlation_ids text[], causes bytea[],
    deadline_books integer[], deadline_indexes integer[], deadline_names text[], deadline_times bigint[],
    INOUT verdicts smallint[], INOUT sequences bigint[], INOUT positions bigint[], INOUT streams bigint[],
    INOUT counts integer[], INOUT keys text[]
) LANGUAGE plpgsql AS $$
DECLARE
    reaches bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT a.verdicts, a.sequences, a.positions, a.streams, a.counts, a.keys, a.reaches
        INTO verdicts, sequences, positions, streams, counts, keys, reaches
        FROM angzarr.append(writer, batch, lists, domains, roots, natural_ids, expectations, book_keys, sizes, effective,
            recorded_at, record_books, record_indexes, kinds, types, payloads, occurrences, correlation_ids, causes,
            deadline_books, deadline_indexes, deadline_names, deadline_times) AS a;
    COMMIT;
    CALL angzarr.publish(reaches);
END
$$;

-- Waits until everything that was committed before is on the disk, and shows it to readers up to `reaches`. A flush
-- takes in all that stands before it in the server's log, so it also covers writers who died before they came here.
CREATE PROCEDURE angzarr.publish(reaches bigint) LANGUAGE plpgsql AS $$
BEGIN
    -- Something has to be written for a commit to be waited for.
    PERFORM pg_logical_emit_message(true, 'angzarr', '');
    COMMIT;
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(1095649114, 2);
    -- Otherwise a later one has covered it.
    IF (SELECT p.last_value FROM angzarr.published p) < reaches THEN
        PERFORM setval('angzarr.published', reaches);
        PERFORM pg_notify('angzarr', reaches::text);
    END IF;
END
$$;

-- Publishes what is committed, for whoever must not wait for its writer: that one may be gone. Or it was published, and
-- the server crashed before that was on the disk, so every new connection begins with this.
CREATE PROCEDURE angzarr.settle() LANGUAGE plpgsql AS $$
DECLARE
    reaches bigint := (SELECT max(r.position) FROM angzarr.records r);
BEGIN
    IF (SELECT p.last_value FROM angzarr.published p) < reaches THEN
        CALL angzarr.publish(reaches);
    END IF;
END
$$;

-- Takes back what is published of records that are not there. A dump holds the sequence as it was at its end, and the
-- records as they were at its beginning; so where it was made while programs wrote, a log that was restored from it
-- would show its next records before they are on the disk, and nobody would be told of them.
CREATE PROCEDURE angzarr.correct() LANGUAGE plpgsql AS $$
DECLARE
    published bigint := (SELECT p.last_value FROM angzarr.published p);
    -- What is published was committed before, so this later look finds it.
    reaches bigint := coalesce((SELECT max(r.position) FROM angzarr.records r), 0);
BEGIN
    IF published > reaches THEN
        -- No position is given meanwhile; but others may have taken it back already.
        PERFORM pg_advisory_xact_lock(1095649114, 1);
        reaches := coalesce((SELECT max(r.position) FROM angzarr.records r), 0);
        IF (SELECT p.last_value FROM angzarr.published p) > reaches THEN
            PERFORM setval('angzarr.published', reaches);
        END IF;
    END IF;
END
$$;
