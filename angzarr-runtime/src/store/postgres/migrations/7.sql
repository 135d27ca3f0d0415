-- Where a record was in a distributed trace, if it was in one: the header of the W3C. What appends takes it, too, and is
-- otherwise as it was.
ALTER TABLE angzarr.records ADD COLUMN traceparent text COLLATE "C";

DROP PROCEDURE angzarr.write;
DROP FUNCTION angzarr.append;

CREATE FUNCTION angzarr.append(
    writer uuid, batch bigint,
    lists integer[], domains text[], roots uuid[], natural_ids text[], expectations bigint[], book_keys text[],
    sizes integer[], effective boolean[], recorded_at bigint[],
    record_books integer[], record_indexes integer[], kinds smallint[], types text[], payloads bytea[],
    occurrences bigint[], correlation_ids text[], causes bytea[], traceparents text[],
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
                (position, stream, sequence, created_at, occurred_at, kind, type, correlation_id, cause, payload,
                    traceparent)
            SELECT positions[u.book] + u.index, streams[u.book], sequences[u.book] + u.index, recorded_at[u.book],
                u.occurred, u.kind, u.type, u.correlation_id, u.cause, u.payload, u.traceparent
            FROM unnest(record_books, record_indexes, occurrences, kinds, types, correlation_ids, causes, payloads,
                    traceparents)
                AS u (book, index, occurred, kind, type, correlation_id, cause, payload, traceparent)
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

CREATE PROCEDURE angzarr.write(
    writer uuid, batch bigint,
    lists integer[], domains text[], roots uuid[], natural_ids text[], expectations bigint[], book_keys text[],
    sizes integer[], effective boolean[], recorded_at bigint[],
    record_books integer[], record_indexes integer[], kinds smallint[], types text[], payloads bytea[],
    occurrences bigint[], correlation_ids text[], causes bytea[], traceparents text[],
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
            traceparents,
            deadline_books, deadline_indexes, deadline_names, deadline_times) AS a;
    COMMIT;
    CALL angzarr.publish(reaches);
END
$$;
