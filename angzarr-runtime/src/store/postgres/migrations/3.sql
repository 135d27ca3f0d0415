-- Takes a lease that is free, whose holder is gone, or whose beat is the one that the caller has seen unchanged for too
-- long. A call that is made again, because its answer was lost, gets the same answer.
CREATE FUNCTION angzarr.acquire(
    consumer text, holder uuid, request uuid, silent_token bigint, silent_beats bigint,
    OUT taken boolean, OUT token bigint, OUT beats bigint
) LANGUAGE plpgsql AS $$
DECLARE
    old record;
BEGIN
    INSERT INTO angzarr.consumers (name, position, token, beats) VALUES (consumer, 0, 0, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT old FROM angzarr.consumers c WHERE c.name = consumer FOR UPDATE;
    token := old.token;
    beats := old.beats;
    taken := old.request = request AND old.holder IS NOT NULL;
    IF taken THEN
        RETURN;
    END IF;
    taken := old.holder IS NULL OR coalesce(token = silent_token AND beats = silent_beats, false)
        OR NOT angzarr.lives(old.holder);
    IF taken THEN
        token := token + 1;
        beats := 0;
        UPDATE angzarr.consumers c SET token = acquire.token, beats = 0, holder = acquire.holder, request = acquire.request
            WHERE c.name = consumer;
    END IF;
END
$$;

-- Under which advisory lock a store tells that it lives.
CREATE FUNCTION angzarr.life(holder uuid) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$
    SELECT hashtextextended(holder::text, 0)
$$;

-- Whether some session of the store is there. Looking does not touch the lock.
CREATE FUNCTION angzarr.lives(holder uuid) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
            AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
            AND l.classid::bigint = (angzarr.life(holder) >> 32) & 4294967295
            AND l.objid::bigint = angzarr.life(holder) & 4294967295
    )
$$;

-- Stores what a batch of events did to a view; a row that is null is deleted. Nothing, and false, under an older token,
-- or where a later batch was stored already: then this call comes late, and another one was made in its place.
-- A view is a cache of the log, so its commit need not wait for the disk.
CREATE FUNCTION angzarr.commit_view(
    view text, token bigint, keys text[], rows bytea[], checkpoint bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE angzarr.views v SET checkpoint = commit_view.checkpoint
        WHERE v.name = view AND v.token = commit_view.token AND v.checkpoint <= commit_view.checkpoint;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM angzarr.view_rows r USING unnest(keys) AS u (key)
        WHERE r.view = commit_view.view AND hashtextextended(r.key, 0) = hashtextextended(u.key, 0) AND r.key = u.key;
    INSERT INTO angzarr.view_rows (view, key, row)
        SELECT commit_view.view, u.key, u.row FROM unnest(keys, rows) AS u (key, row) WHERE u.row IS NOT NULL;
    RETURN true;
END
$$;

-- Takes a view for a holder of the projector's lease, after emptying it if it is another one's, and gives its
-- checkpoint; null under an older token.
CREATE FUNCTION angzarr.take_view(
    view text, row_type text, log uuid, head bigint, token bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    old record;
BEGIN
    INSERT INTO angzarr.views (name, row_type, log, checkpoint, token) VALUES (view, row_type, log, 0, 0)
        ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT old FROM angzarr.views v WHERE v.name = view FOR UPDATE;
    -- Whatever its rows are made of; the tokens of another log say nothing about this one.
    IF old.log = log AND token < old.token THEN
        RETURN NULL;
    END IF;
    IF old.row_type <> row_type OR old.log <> log OR old.checkpoint > head THEN
        DELETE FROM angzarr.view_rows r WHERE r.view = take_view.view;
        old.checkpoint := 0;
    END IF;
    UPDATE angzarr.views v SET row_type = take_view.row_type, log = take_view.log, checkpoint = old.checkpoint,
        token = take_view.token WHERE v.name = view;
    RETURN old.checkpoint;
END
$$;
