-- The active version of a view goes on being fed while one of the same columns is built beside it. So each version tells by
-- itself which commits come late, and the two change places when that is asked for.
DROP FUNCTION angzarr.commit_view(text, integer, bigint, bigint, bigint, text[], bigint[], integer[], bytea[], text[], text[]);
DROP FUNCTION angzarr.take_view(text, uuid, text, text, text[], text[], text[], bigint, bigint);
DROP FUNCTION angzarr.switch_view(text);
ALTER TABLE angzarr.views DROP COLUMN commits;
ALTER TABLE angzarr.view_versions ADD COLUMN commits bigint NOT NULL DEFAULT 0;

-- Lets the version that is building take the place of the active one, its name, the rights to it and the indexes on it,
-- unless that one is made from events behind `known`. A table that somebody reads for long, or that something else depends
-- on, is not taken away from them: false, and somebody tries again.
CREATE FUNCTION angzarr.replace_view_version(view text, known bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    old record;
    new record;
    kept record;
    indexes text[];
    index text;
    grants aclitem[];
BEGIN
    SELECT * INTO old FROM angzarr.view_versions v WHERE v.view = replace_view_version.view AND v.active;
    SELECT * INTO new FROM angzarr.view_versions v WHERE v.view = replace_view_version.view AND NOT v.active;
    IF new.number IS NULL OR old.last > known THEN
        RETURN false;
    END IF;
    SELECT c.relacl INTO grants FROM pg_class c
        WHERE c.relnamespace = 'angzarr_views'::regnamespace AND c.relname = old.rows;
    -- But for the first one, which every table has from the beginning.
    SELECT array_agg(pg_get_indexdef(i.indexrelid)) INTO indexes
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'angzarr_views'::regnamespace AND c.relname = old.rows
            AND pg_get_indexdef(i.indexrelid) NOT LIKE '%USING btree ("left"(\_key, 256))';
    BEGIN
        PERFORM set_config('lock_timeout', '200ms', true);
        PERFORM angzarr.drop_view_version(view, old.number);
        EXECUTE format('ALTER TABLE angzarr_views.%I RENAME TO %I', new.rows, old.rows);
        UPDATE angzarr.view_versions v SET active = true, rows = old.rows
            WHERE v.view = replace_view_version.view AND v.number = new.number;
    EXCEPTION WHEN lock_not_available OR dependent_objects_still_exist THEN
        RAISE WARNING 'the new version of the view "%" cannot take the place of the old one yet: %', view, SQLERRM;
        RETURN false;
    END;
    FOR kept IN SELECT a.grantee, a.privilege_type FROM aclexplode(grants) AS a LOOP
        EXECUTE format('GRANT %s ON angzarr_views.%I TO %s', kept.privilege_type, old.rows,
            CASE kept.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(kept.grantee)) END);
    END LOOP;
    FOREACH index IN ARRAY coalesce(indexes, '{}') LOOP
        BEGIN
            EXECUTE index;
        EXCEPTION WHEN undefined_column OR undefined_function OR datatype_mismatch THEN
            RAISE WARNING 'an index on the view''s table cannot be made again: %', index;
        END;
    END LOOP;
    RETURN true;
END
$$;

-- The same where the active version is not fed any more, as soon as the other one knows what it is made from.
CREATE FUNCTION angzarr.switch_if_complete(view text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT angzarr.replace_view_version(o.view, n.checkpoint) FROM angzarr.view_versions o
        JOIN angzarr.view_versions n ON n.view = o.view AND NOT n.active AND n.shape <> o.shape AND n.checkpoint >= o.last
        WHERE o.view = switch_if_complete.view AND o.active
$$;

-- The same where both are fed, when whoever feeds them says so. Null under an older token, or if there is no such version.
CREATE FUNCTION angzarr.switch_view(view text, version integer, token bigint, known bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    is_active boolean;
BEGIN
    PERFORM FROM angzarr.views v WHERE v.name = view AND v.token = switch_view.token FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN null;
    END IF;
    SELECT v.active INTO is_active FROM angzarr.view_versions v WHERE v.view = switch_view.view AND v.number = version;
    RETURN CASE WHEN is_active THEN true WHEN NOT is_active THEN angzarr.replace_view_version(view, known) END;
END
$$;

-- Takes a view for a holder of the projector's lease, and tells which version is the newest, and which one is fed beside it;
-- nothing under an older token. Which versions are kept is decided as in the other stores.
CREATE FUNCTION angzarr.take_view(
    view text, log uuid, row_type text, shape text, columns text[], types text[], names text[], head bigint, token bigint,
    OUT version integer, OUT checkpoint bigint, OUT is_empty boolean,
    OUT served_version integer, OUT served_checkpoint bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    old record;
    found_version record;
    active record;
    building record;
    name text;
BEGIN
    INSERT INTO angzarr.views (name, log, token, newest) VALUES (view, log, 0, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT old FROM angzarr.views v WHERE v.name = view FOR UPDATE;
    -- Whatever its rows are made of; the tokens of another log say nothing about this one.
    IF old.log = take_view.log AND take_view.token < old.token THEN
        RETURN;
    END IF;
    UPDATE angzarr.views v SET log = take_view.log, token = take_view.token WHERE v.name = view;
    UPDATE angzarr.view_versions v SET commits = 0 WHERE v.view = take_view.view;
    -- Tables that somebody dropped are gone.
    FOR found_version IN SELECT * FROM angzarr.view_versions v WHERE v.view = take_view.view LOOP
        IF to_regclass(format('angzarr_views.%I', found_version.rows)) IS NULL THEN
            PERFORM angzarr.drop_view_version(view, found_version.number);
        END IF;
    END LOOP;
    SELECT * INTO active FROM angzarr.view_versions v WHERE v.view = take_view.view AND v.active;
    SELECT * INTO building FROM angzarr.view_versions v WHERE v.view = take_view.view AND NOT v.active;
    IF active.number IS NULL OR old.log <> take_view.log OR active.row_type <> take_view.row_type
        OR greatest(active.checkpoint, active.last, building.checkpoint, building.last) > head
    THEN
        PERFORM angzarr.drop_view_version(view, v.number) FROM angzarr.view_versions v WHERE v.view = take_view.view;
        name := names[CASE WHEN to_regclass(format('angzarr_views.%I', names[1])) IS NULL THEN 1 ELSE 2 END];
        PERFORM angzarr.begin_view_version(view, true, name, take_view.row_type, take_view.shape, take_view.columns, take_view.types);
    ELSIF building.shape IS DISTINCT FROM take_view.shape THEN
        PERFORM angzarr.drop_view_version(view, building.number);
        IF active.shape <> take_view.shape THEN
            PERFORM angzarr.begin_view_version(view, false, active.rows || '#building', take_view.row_type, take_view.shape,
                take_view.columns, take_view.types);
        END IF;
    END IF;
    PERFORM angzarr.switch_if_complete(view);
    SELECT * INTO STRICT found_version FROM angzarr.view_versions v WHERE v.view = take_view.view ORDER BY v.active LIMIT 1;
    version := found_version.number;
    checkpoint := found_version.checkpoint;
    SELECT v.number, v.checkpoint INTO served_version, served_checkpoint FROM angzarr.view_versions v
        WHERE v.view = take_view.view AND v.active AND v.number <> version AND v.shape = found_version.shape;
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM angzarr_views.%I) AND NOT EXISTS (SELECT FROM angzarr.view_tombstones t
        WHERE t.view = $1 AND t.number = $2)', found_version.rows) INTO is_empty USING view, version;
END
$$;

-- Stores what events did to the rows of a version; a row that is null is deleted. False under an older token, for a
-- version that is not fed, and for a call that comes late. Of each column there is one value for each key.
-- A view is a cache of the log, so its commit need not wait for the disk.
CREATE FUNCTION angzarr.commit_view(
    view text, version integer, token bigint, commit bigint, checkpoint bigint,
    keys text[], positions bigint[], parts integer[], rows bytea[], rests text[], cells text[]
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    fed record;
    wide integer := cardinality(keys);
    made text;
    named text;
    latest bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM FROM angzarr.views v WHERE v.name = view AND v.token = commit_view.token FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE angzarr.view_versions v SET commits = commit
        WHERE v.view = commit_view.view AND v.number = version AND v.commits <= commit
            AND NOT EXISTS (SELECT FROM angzarr.view_versions b
                WHERE b.view = v.view AND v.active AND NOT b.active AND b.shape <> v.shape)
        RETURNING v.* INTO fed;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF wide > 0 THEN
        EXECUTE format('DELETE FROM angzarr_views.%I r USING unnest($1) AS u (key)
            WHERE left(r._key, 256) = left(u.key, 256) AND r._key = u.key', fed.rows) USING keys;
        DELETE FROM angzarr.view_tombstones t USING unnest(keys) AS u (key)
            WHERE t.view = commit_view.view AND t.number = version
                AND hashtextextended(t.key, 0) = hashtextextended(u.key, 0) AND t.key = u.key;
        SELECT coalesce(string_agg(format(', $6[%s:%s]', (c.place - 1) * wide + 1, c.place * wide), '' ORDER BY c.place), ''),
               coalesce(string_agg(format(', %I', c.name), '' ORDER BY c.place), '')
            INTO made, named FROM unnest(fed.columns) WITH ORDINALITY AS c (name, place);
        EXECUTE format('INSERT INTO angzarr_views.%I (_key, _position, _part, _row, _rest%s)
            SELECT u.key, u.position, u.part, u.bytes, u.rest::jsonb%s
            FROM unnest($1, $2, $3, $4, $5%s) AS u (key, position, part, bytes, rest%s) WHERE u.bytes IS NOT NULL',
            fed.rows, named,
            (SELECT coalesce(string_agg(format(', u.c%s%s', c.place,
                CASE c.type WHEN 'text' THEN '' WHEN 'integer' THEN '::bigint' WHEN 'unsigned' THEN '::numeric'
                    WHEN 'real' THEN '::double precision' WHEN 'boolean' THEN '::boolean' WHEN 'bytes' THEN '::bytea' END
                ), '' ORDER BY c.place), '') FROM unnest(fed.types) WITH ORDINALITY AS c (type, place)),
            made,
            (SELECT coalesce(string_agg(format(', c%s', place), '' ORDER BY place), '')
                FROM generate_series(1, cardinality(fed.columns)) AS place))
            USING keys, positions, parts, rows, rests, cells;
        INSERT INTO angzarr.view_tombstones (view, number, key, position, part)
            SELECT commit_view.view, version, u.key, u.position, u.part
            FROM unnest(keys, positions, parts, rows) AS u (key, position, part, bytes)
            WHERE u.bytes IS NULL AND u.position > commit_view.checkpoint;
    END IF;
    DELETE FROM angzarr.view_tombstones t
        WHERE t.view = commit_view.view AND t.number = version AND t.position <= commit_view.checkpoint;
    SELECT max(p) INTO latest FROM unnest(positions) AS p;
    UPDATE angzarr.view_versions v SET checkpoint = commit_view.checkpoint, last = greatest(v.last, latest)
        WHERE v.view = commit_view.view AND v.number = version;
    PERFORM angzarr.switch_if_complete(view);
    RETURN true;
END
$$;

REVOKE EXECUTE ON FUNCTION angzarr.replace_view_version, angzarr.switch_if_complete, angzarr.switch_view, angzarr.take_view,
    angzarr.commit_view FROM PUBLIC;
