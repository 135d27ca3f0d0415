-- Each version of a view has a table of its own, in a schema of its own. What earlier releases kept is rebuilt.
DROP FUNCTION angzarr.commit_view(text, bigint, text[], bytea[], bigint);
DROP FUNCTION angzarr.take_view(text, text, uuid, bigint, bigint);
DROP TABLE angzarr.view_rows;
DROP TABLE angzarr.views;

CREATE SCHEMA IF NOT EXISTS angzarr_views;

-- Commits under an older token of the projector's lease are refused. So are those whose number is lower than the last
-- one's: such a call comes late, and another one was made in its place.
CREATE TABLE angzarr.views (
    name text COLLATE "C" PRIMARY KEY,
    log uuid NOT NULL,
    token bigint NOT NULL,
    newest integer NOT NULL,
    commits bigint NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE angzarr.view_versions (
    view text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    active boolean NOT NULL,
    rows text COLLATE "C" NOT NULL,
    row_type text COLLATE "C" NOT NULL,
    shape text COLLATE "C" NOT NULL,
    columns text[] NOT NULL,
    types text[] NOT NULL,
    checkpoint bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (view, number)
) WITH (fillfactor = 20);
-- Deleted rows whose last event is behind the checkpoint. Keys may be too long for an index.
CREATE TABLE angzarr.view_tombstones (
    view text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    part integer NOT NULL
);
CREATE INDEX view_tombstones_by_key ON angzarr.view_tombstones (view, number, hashtextextended(key, 0));

-- What follows makes, reads and drops the tables of views. It does so as the owner of this schema, so that all who may
-- call it can do each other's work.

CREATE FUNCTION angzarr.drop_view_version(view text, number integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    old record;
BEGIN
    DELETE FROM angzarr.view_tombstones t WHERE t.view = drop_view_version.view AND t.number = drop_view_version.number;
    FOR old IN
        DELETE FROM angzarr.view_versions v
            WHERE v.view = drop_view_version.view AND v.number = drop_view_version.number RETURNING v.rows
    LOOP
        EXECUTE format('DROP TABLE IF EXISTS angzarr_views.%I', old.rows);
    END LOOP;
END
$$;

-- Begins a version: active, or building beside the active one.
CREATE FUNCTION angzarr.begin_view_version(
    view text, active boolean, rows text, row_type text, shape text, columns text[], types text[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    definition text;
    made integer;
BEGIN
    -- Types are names and nothing else: this is run with the rights of the owner.
    SELECT coalesce(string_agg(format('%I %s,', c.name,
            CASE c.type WHEN 'text' THEN 'text COLLATE "C"' WHEN 'integer' THEN 'bigint' WHEN 'unsigned' THEN 'numeric(20)'
                WHEN 'real' THEN 'double precision' WHEN 'boolean' THEN 'boolean' WHEN 'bytes' THEN 'bytea' END
        ), ' ' ORDER BY c.place), '')
        INTO definition FROM unnest(columns, types) WITH ORDINALITY AS c (name, type, place);
    EXECUTE format(
        'CREATE TABLE angzarr_views.%I (_key text COLLATE "C" NOT NULL, %s _rest jsonb NOT NULL, _row bytea NOT NULL,
            _position bigint NOT NULL, _part integer NOT NULL)', rows, definition);
    -- Keys may be too long for an index; the beginnings put most of them in order.
    EXECUTE format('CREATE INDEX ON angzarr_views.%I (left(_key, 256))', rows);
    UPDATE angzarr.views v SET newest = newest + 1 WHERE v.name = view RETURNING newest INTO STRICT made;
    INSERT INTO angzarr.view_versions (view, number, active, rows, row_type, shape, columns, types, checkpoint, last)
        VALUES (view, made, active, rows, row_type, shape, columns, types, 0, 0);
END
$$;

-- Lets the version that is building take the place of the active one, its name, the rights to it and the indexes on it,
-- if it has come as far as that. A table that somebody reads for long, or that something else depends on, is not taken
-- away from them: the next commit tries again, and this one counts all the same.
CREATE FUNCTION angzarr.switch_view(view text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    old record;
    new record;
    kept record;
    indexes text[];
    index text;
    grants aclitem[];
BEGIN
    SELECT * INTO old FROM angzarr.view_versions v WHERE v.view = switch_view.view AND v.active;
    SELECT * INTO new FROM angzarr.view_versions v WHERE v.view = switch_view.view AND NOT v.active;
    IF new.number IS NULL OR new.checkpoint < old.last THEN
        RETURN;
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
            WHERE v.view = switch_view.view AND v.number = new.number;
    EXCEPTION WHEN lock_not_available OR dependent_objects_still_exist THEN
        RAISE WARNING 'the new version of the view "%" cannot take the place of the old one yet: %', view, SQLERRM;
        RETURN;
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
END
$$;

-- Takes a view for a holder of the projector's lease, and tells which version is to be fed; nothing under an older token.
-- Which versions are kept is decided as in the other stores.
CREATE FUNCTION angzarr.take_view(
    view text, log uuid, row_type text, shape text, columns text[], types text[], names text[], head bigint, token bigint,
    OUT version integer, OUT checkpoint bigint, OUT is_empty boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    old record;
    found_version record;
    active record;
    building record;
    name text;
BEGIN
    INSERT INTO angzarr.views (name, log, token, newest, commits) VALUES (view, log, 0, 0, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT old FROM angzarr.views v WHERE v.name = view FOR UPDATE;
    -- Whatever its rows are made of; the tokens of another log say nothing about this one.
    IF old.log = take_view.log AND take_view.token < old.token THEN
        RETURN;
    END IF;
    UPDATE angzarr.views v SET log = take_view.log, token = take_view.token, commits = 0 WHERE v.name = view;
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
    ELSIF building.shape = take_view.shape THEN
        PERFORM angzarr.switch_view(view);
    ELSE
        PERFORM angzarr.drop_view_version(view, building.number);
        IF active.shape <> take_view.shape THEN
            PERFORM angzarr.begin_view_version(view, false, active.rows || '#building', take_view.row_type, take_view.shape,
                take_view.columns, take_view.types);
            PERFORM angzarr.switch_view(view);
        END IF;
    END IF;
    SELECT * INTO STRICT found_version FROM angzarr.view_versions v WHERE v.view = take_view.view ORDER BY v.active LIMIT 1;
    version := found_version.number;
    checkpoint := found_version.checkpoint;
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM angzarr_views.%I) AND NOT EXISTS (SELECT FROM angzarr.view_tombstones t
        WHERE t.view = $1 AND t.number = $2)', found_version.rows) INTO is_empty USING view, version;
END
$$;

-- Stores what events did to the rows of a version; a row that is null is deleted. False under an older token, for another
-- version than the one that is fed, and for a call that comes late. Of each column there is one value for each key.
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
    UPDATE angzarr.views v SET commits = commit
        WHERE v.name = view AND v.token = commit_view.token AND v.commits <= commit;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT * INTO fed FROM angzarr.view_versions v WHERE v.view = commit_view.view ORDER BY v.active LIMIT 1;
    IF fed.number IS DISTINCT FROM version THEN
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
    PERFORM angzarr.switch_view(view);
    RETURN true;
END
$$;

-- What a version knows of a key; bytes that are null were deleted. False if there is no such version.
CREATE FUNCTION angzarr.view_entry(
    view text, version integer, key text, OUT there boolean, OUT "position" bigint, OUT part integer, OUT bytes bytea
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    of_version text;
BEGIN
    SELECT v.rows INTO of_version FROM angzarr.view_versions v WHERE v.view = view_entry.view AND v.number = version;
    there := FOUND;
    IF NOT there THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT r._position, r._part, r._row FROM angzarr_views.%I r
        WHERE left(r._key, 256) = left($1, 256) AND r._key = $1', of_version) INTO "position", part, bytes USING key;
    IF "position" IS NULL THEN
        SELECT t.position, t.part INTO "position", part FROM angzarr.view_tombstones t
            WHERE t.view = view_entry.view AND t.number = version
                AND hashtextextended(t.key, 0) = hashtextextended(view_entry.key, 0) AND t.key = view_entry.key;
    END IF;
END
$$;

-- Rows of the active version, in the order of their keys: all, those behind a key, those whose column has a value or is
-- null. None is found by a column that the version does not have; `fits` tells.
CREATE FUNCTION angzarr.view_rows(view text, "column" text, type text, value text, key text, after text, count bigint)
    RETURNS TABLE (row_key text, row_bytes bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    of_version record;
BEGIN
    SELECT * INTO of_version FROM angzarr.view_versions v WHERE v.view = view_rows.view AND v.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF "column" IS NOT NULL AND NOT EXISTS (
        SELECT FROM unnest(of_version.columns, of_version.types) AS c (name, type)
            WHERE c.name = "column" AND c.type = coalesce(view_rows.type, c.type)
    ) THEN
        RAISE EXCEPTION 'version %', of_version.number USING ERRCODE = 'AZ001';
    END IF;
    RETURN QUERY EXECUTE format('SELECT r._key, r._row FROM angzarr_views.%I r WHERE true%s%s%s
        ORDER BY left(r._key, 256), r._key LIMIT $4', of_version.rows,
        CASE WHEN key IS NULL THEN '' ELSE ' AND left(r._key, 256) = left($1, 256) AND r._key = $1' END,
        CASE WHEN after IS NULL THEN '' ELSE ' AND left(r._key, 256) >= left($2, 256) AND r._key > $2' END,
        CASE WHEN "column" IS NULL THEN '' WHEN value IS NULL THEN format(' AND r.%I IS NULL', "column")
            ELSE format(' AND r.%I = $3%s', "column",
                CASE type WHEN 'text' THEN '' WHEN 'integer' THEN '::bigint' WHEN 'unsigned' THEN '::numeric'
                    WHEN 'real' THEN '::double precision' WHEN 'boolean' THEN '::boolean' WHEN 'bytes' THEN '::bytea' END)
            END)
        USING key, after, value, count;
END
$$;

-- Begins a version of the same shape beside the active one.
CREATE FUNCTION angzarr.rebuild_view(view text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    old record;
BEGIN
    PERFORM FROM angzarr.views v WHERE v.name = rebuild_view.view FOR UPDATE;
    PERFORM angzarr.drop_view_version(rebuild_view.view, v.number) FROM angzarr.view_versions v
        WHERE v.view = rebuild_view.view AND NOT v.active;
    SELECT * INTO old FROM angzarr.view_versions v WHERE v.view = rebuild_view.view AND v.active;
    IF FOUND THEN
        PERFORM angzarr.begin_view_version(rebuild_view.view, false, old.rows || '#building', old.row_type, old.shape, old.columns, old.types);
    END IF;
END
$$;

REVOKE EXECUTE ON FUNCTION angzarr.drop_view_version, angzarr.begin_view_version, angzarr.switch_view, angzarr.take_view,
    angzarr.commit_view, angzarr.view_entry, angzarr.view_rows, angzarr.rebuild_view FROM PUBLIC;
