-- A comparison of the account with the rows that use it, step by step: begin, a page at a time, compare, look again, finish.
--
-- Each step is one transaction, and says for which run and holder it is: whoever was taken over finds that out and changes nothing.
-- Whoever comes after a crash goes on where the last step ended. Nothing is done about a finding before the run is complete.

-- The run that is under way, taken over if nobody was heard of for `patience`; else a new one. Where the answer has another holder, that one is
-- at work. A listing that is too old to go on with, or of which the server has lost a part, begins anew. `shrunken`: what was refused is taken
-- up again, so that what was told is what is accepted, and nothing is listed twice.
CREATE OR REPLACE FUNCTION mediasweep.reconcile_begin(
  cloud text, asked_by text, holder uuid, age_floor interval, patience interval, shrunken boolean)
RETURNS mediasweep.reconcile_run
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  run  mediasweep.reconcile_run;
BEGIN
  LOCK TABLE mediasweep.reconcile_run IN SHARE ROW EXCLUSIVE MODE;
  UPDATE mediasweep.reconcile_run r SET state = 'listing', finished_at = NULL, reason = NULL, heard_at = '-infinity'
   WHERE shrunken AND r.state = 'refused' AND r.id = (SELECT max(n.id) FROM mediasweep.reconcile_run n);
  SELECT r.* INTO run FROM mediasweep.reconcile_run r WHERE r.finished_at IS NULL;
  IF run.holder <> reconcile_begin.holder
     AND (run.heard_at > clock_timestamp() - patience OR NOT pg_try_advisory_xact_lock(mediasweep.comparing_key())) THEN
    RETURN run;
  ELSIF run.cloud_name = cloud AND run.started_at > clock_timestamp() - interval '1 day'
        AND (run.state = 'looking' AND run.age_floor = reconcile_begin.age_floor
             OR run.state = 'listing' AND mediasweep.listing_is_whole(run)) THEN
    UPDATE mediasweep.reconcile_run r
       SET holder = reconcile_begin.holder, heard_at = clock_timestamp(), age_floor = reconcile_begin.age_floor
     WHERE r.id = run.id RETURNING r.* INTO run;
    RETURN run;
  END IF;
  UPDATE mediasweep.reconcile_run r SET state = 'failed', finished_at = clock_timestamp(), reason = 'it was left, and could not be gone on with'
   WHERE r.id = run.id;
  TRUNCATE mediasweep.reconcile_listed;
  DELETE FROM mediasweep.reconcile_run r
   WHERE r.finished_at < clock_timestamp() - interval '30 days'
     AND r.id <> ALL (ARRAY(SELECT max(d.id) FROM mediasweep.reconcile_run d WHERE d.state = 'done' GROUP BY d.cloud_name));
  INSERT INTO mediasweep.reconcile_run AS r (cloud_name, asked_by, holder, age_floor, places)
  VALUES (cloud, reconcile_begin.asked_by, reconcile_begin.holder, reconcile_begin.age_floor,
          (SELECT jsonb_object_agg(t.name, '{"cursor": null, "done": false, "listed": 0}'::jsonb) FROM unnest('{image,video,raw}'::text[]) t (name)))
  RETURNING r.* INTO run;
  RETURN run;
END $$;

-- What a comparison holds: it says nothing until it is made, however long that takes. No lock of a row would do, for then it would be a writer.
CREATE OR REPLACE FUNCTION mediasweep.comparing_key() RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$ SELECT 7882817126551222121 $$;

-- Whether as much is here as was listed: the table survives no crash of the server, and no failover.
CREATE OR REPLACE FUNCTION mediasweep.listing_is_whole(run mediasweep.reconcile_run) RETURNS boolean
LANGUAGE sql STABLE
AS $$
  SELECT (SELECT count(*) FROM mediasweep.reconcile_listed)
         = (SELECT sum((p.value ->> 'listed')::bigint) FROM jsonb_each(run.places) p)
$$;

-- Say that the holder is still there, or that it leaves the run to whoever comes next; false: it is not the holder any more.
CREATE OR REPLACE FUNCTION mediasweep.reconcile_beat(run bigint, holder uuid, leaves boolean DEFAULT false) RETURNS boolean
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH beaten AS (
    UPDATE mediasweep.reconcile_run r SET heard_at = CASE WHEN leaves THEN '-infinity' ELSE clock_timestamp() END
     WHERE r.id = run AND r.holder = reconcile_beat.holder AND r.finished_at IS NULL RETURNING r.id)
  SELECT EXISTS (SELECT FROM beaten)
$$;

-- Keep a page, and where the next one begins (NULL: that was the last one of its type). `was`: where this one began.
-- `page` NULL: that cursor is not known any more, and the type begins anew. False: somebody else is at work, or this page is here already.
CREATE OR REPLACE FUNCTION mediasweep.reconcile_page(run bigint, holder uuid, resource_type text, was text, next text, page jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  places_  jsonb;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);   -- a crash that loses this commit empties the listing anyway
  UPDATE mediasweep.reconcile_run r
     SET places = jsonb_set(r.places, ARRAY[reconcile_page.resource_type], jsonb_build_object('cursor', next, 'done', page IS NOT NULL AND next IS NULL,
           'listed', CASE WHEN page IS NULL THEN 0 ELSE (r.places -> reconcile_page.resource_type ->> 'listed')::bigint + jsonb_array_length(page) END)),
         calls = r.calls + 1, heard_at = clock_timestamp()
   WHERE r.id = run AND r.holder = reconcile_page.holder AND r.state = 'listing'
     AND r.places @> jsonb_build_object(reconcile_page.resource_type, jsonb_build_object('cursor', was, 'done', false))
  RETURNING r.places INTO places_;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF page IS NULL THEN
    DELETE FROM mediasweep.reconcile_listed l WHERE l.resource_type = reconcile_page.resource_type;
    RETURN true;
  END IF;
  INSERT INTO mediasweep.reconcile_listed
    (asset_id, public_id, resource_type, delivery_type, version, bytes, format, folder, display_name, tags, alt, caption, made_at, placeholder)
  SELECT p.asset_id, p.public_id, reconcile_page.resource_type, p.type, p.version, p.bytes, p.format, p.folder, p.display_name, p.tags,
         p.alt, p.caption, p.made_at, p.placeholder
    FROM jsonb_to_recordset(page) p (asset_id text, public_id text, type text, version bigint, bytes bigint, format text, folder text,
                                     display_name text, tags text[], alt text, caption text, made_at timestamptz, placeholder boolean);
  IF next IS NULL AND NOT places_ @? '$.* ? (@.done == false)' THEN
    ANALYZE mediasweep.reconcile_listed;
  END IF;
  RETURN true;
END $$;

-- Why a listing is no ground to compare on; NULL: it is. `shrunken`: it may be much less than the last one.
CREATE OR REPLACE FUNCTION mediasweep.listing_refusal(run mediasweep.reconcile_run, last mediasweep.reconcile_run, assets bigint, shrunken boolean)
RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE
    WHEN run.places @? '$.* ? (@.done == false)' THEN 'the listing is not complete'
    WHEN NOT mediasweep.listing_is_whole(run) THEN 'the database server has lost a part of what was listed: run it again'
    WHEN assets < (last.counts ->> 'assets')::bigint / 2 AND NOT shrunken
      THEN format('Cloudinary lists %s assets, less than half of the %s of %s: if that is so, accept it (--shrunken)', mediasweep.number(assets),
                  mediasweep.number((last.counts ->> 'assets')::bigint), last.finished_at::date)
  END
$$;

-- Compare what is listed with what rows use. The run goes on to `looking`, or is refused: the answer is its state, NULL if somebody else is at work.
-- `adopting`: the rows are to be made from what is listed, so there need not be any yet.
CREATE OR REPLACE FUNCTION mediasweep.reconcile_compare(run bigint, holder uuid, shrunken boolean, adopting boolean) RETURNS text
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  me        mediasweep.reconcile_run;
  last      mediasweep.reconcile_run;
  told      jsonb;
  counted   jsonb;
  any_use   boolean;
  refusal   text;
BEGIN
  PERFORM pg_advisory_xact_lock(mediasweep.comparing_key());
  SELECT r.* INTO me FROM mediasweep.reconcile_run r WHERE r.id = run AND r.holder = reconcile_compare.holder AND r.state = 'listing';
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT r.* INTO last FROM mediasweep.reconcile_run r WHERE r.state = 'done' AND r.cloud_name = me.cloud_name ORDER BY r.id DESC LIMIT 1;
  SELECT jsonb_build_object('listed', count(*), 'placeholders', count(*) FILTER (WHERE l.placeholder), 'assets', count(*) FILTER (WHERE NOT l.placeholder))
    INTO told FROM mediasweep.reconcile_listed l;
  refusal := mediasweep.listing_refusal(me, last, (told ->> 'assets')::bigint, shrunken);
  IF refusal IS NULL THEN
    BEGIN
      PERFORM mediasweep.uses('{}');   -- where the guard cannot answer, neither can this
      EXECUTE format('SELECT EXISTS (%s)', mediasweep.all_refs()) INTO any_use;
      IF any_use AND told ->> 'assets' = '0' THEN
        RAISE SQLSTATE 'MS003' USING MESSAGE = 'Cloudinary lists nothing at all, although rows name assets: is this the right account?';
      ELSIF NOT any_use AND told ->> 'assets' <> '0' AND NOT adopting THEN
        RAISE SQLSTATE 'MS003' USING MESSAGE = 'no row of an attached table names an asset, so all of Cloudinary would be orphans: is this the right database?';
      END IF;
      WITH found AS MATERIALIZED (SELECT d.* FROM mediasweep.drift(me.started_at, me.age_floor) d),
      kept AS (
        INSERT INTO mediasweep.reconcile_finding
          (run_id, kind, source_id, public_id, resource_type, delivery_type, asset_id, version, bytes, made_at, detail)
        SELECT run, f.kind, f.source_id, f.public_id, f.resource_type, f.delivery_type, f.asset_id, f.version, f.bytes, f.made_at, f.detail
          FROM found f WHERE f.kind <> 'count')
      SELECT jsonb_object_agg(f.public_id, f.bytes) INTO counted FROM found f WHERE f.kind = 'count';
      IF (counted ->> 'refs')::bigint < (last.counts ->> 'refs')::bigint / 2 AND NOT shrunken THEN
        RAISE SQLSTATE 'MS003' USING MESSAGE = format('rows name %s assets, less than half of the %s of %s: if that is so, accept it (--shrunken)',
                                                      mediasweep.number((counted ->> 'refs')::bigint), mediasweep.number((last.counts ->> 'refs')::bigint),
                                                      last.finished_at::date);
      END IF;
    EXCEPTION
      WHEN SQLSTATE 'MS003' THEN refusal := SQLERRM;
      -- a table that is gone, a column that was renamed, rows that row-level security would hide: never "not in use"
      WHEN OTHERS THEN refusal := 'what rows use cannot be read: ' || SQLERRM;
    END;
  END IF;
  UPDATE mediasweep.reconcile_run r
     SET state = CASE WHEN refusal IS NULL THEN 'looking' ELSE 'refused' END, finished_at = CASE WHEN refusal IS NOT NULL THEN clock_timestamp() END,
         reason = refusal, counts = told || coalesce(counted, '{}'), heard_at = clock_timestamp()
   WHERE r.id = run AND r.holder = reconcile_compare.holder AND r.state = 'listing'
  RETURNING r.state INTO me.state;
  IF NOT FOUND THEN
    RAISE SQLSTATE 'MS003' USING MESSAGE = 'somebody else has taken over this run';
  END IF;
  RETURN me.state;
END $$;

-- Name a row for up to `most` ghosts and mismatches after this one; returns the last one, NULL if there are no more. A ghost that no row uses any
-- more is none.
CREATE OR REPLACE FUNCTION mediasweep.reconcile_name(run bigint, holder uuid, after bigint, most integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  ids    bigint[] := ARRAY(SELECT f.id FROM mediasweep.reconcile_finding f
                            WHERE f.run_id = run AND f.kind <> 'orphan' AND f.id > after ORDER BY f.id LIMIT most);
  named  jsonb;
BEGIN
  IF ids = '{}' OR NOT mediasweep.reconcile_beat(run, holder) THEN
    RETURN NULL;
  END IF;
  SELECT coalesce(jsonb_object_agg(u.id, u.used_by), '{}') INTO named
    FROM mediasweep.uses(ARRAY(
      SELECT jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue, jsonb_build_object(
               'id', lpad(to_hex(f.id), 32, '0')::uuid, 'cloudinary_public_id', f.public_id, 'asset_id', f.asset_id,
               'resource_type', CASE f.kind WHEN 'ghost' THEN f.resource_type END, 'delivery_type', CASE f.kind WHEN 'ghost' THEN f.delivery_type END))
        FROM mediasweep.reconcile_finding f WHERE f.id = ANY (ids))) u;
  UPDATE mediasweep.reconcile_finding f SET row_name = named ->> lpad(to_hex(f.id), 32, '0')::uuid::text WHERE f.id = ANY (ids);
  DELETE FROM mediasweep.reconcile_finding f WHERE f.id = ANY (ids) AND f.kind = 'ghost' AND f.row_name IS NULL;
  RETURN ids[cardinality(ids)];
END $$;

-- Cloudinary was asked about these ghosts by themselves: those that are `there` after all are none.
CREATE OR REPLACE FUNCTION mediasweep.reconcile_looked(run bigint, holder uuid, ids bigint[], there bigint[], calls integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE mediasweep.reconcile_run r SET calls = r.calls + reconcile_looked.calls, heard_at = clock_timestamp()
   WHERE r.id = run AND r.holder = reconcile_looked.holder AND r.state = 'looking';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM mediasweep.reconcile_finding f WHERE f.run_id = run AND f.id = ANY (there);
  UPDATE mediasweep.reconcile_finding f SET looked_at = clock_timestamp() WHERE f.run_id = run AND f.id = ANY (ids);
  RETURN true;
END $$;

-- The run is complete, or has failed for this reason. An orphan was sighted before if the last complete run that had ended an hour before this
-- one began found the same file. A ghost that was marked stays so for as long as each complete run finds it and its row says so: nobody has to
-- mark it again.
CREATE OR REPLACE FUNCTION mediasweep.reconcile_finish(run bigint, holder uuid, failed text) RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  me      mediasweep.reconcile_run;
  before  mediasweep.reconcile_run;
BEGIN
  SELECT r.* INTO me FROM mediasweep.reconcile_run r
   WHERE r.id = run AND r.holder = reconcile_finish.holder AND r.finished_at IS NULL AND (r.state = 'looking' OR failed IS NOT NULL) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT r.* INTO before FROM mediasweep.reconcile_run r
   WHERE r.state = 'done' AND r.cloud_name = me.cloud_name AND r.finished_at <= me.started_at - interval '1 hour' ORDER BY r.id DESC LIMIT 1;
  ANALYZE mediasweep.reconcile_finding;   -- else each of its rows may be compared with each below
  UPDATE mediasweep.reconcile_finding f SET sighted_at = before.finished_at
    FROM mediasweep.reconcile_finding o
   WHERE f.run_id = run AND f.kind = 'orphan' AND o.run_id = before.id AND o.kind = 'orphan'
     AND o.asset_id = f.asset_id AND o.version IS NOT DISTINCT FROM f.version AND o.public_id = f.public_id;
  IF mediasweep.has_library() THEN
    UPDATE mediasweep.reconcile_finding f SET action = o.action, acted_at = o.acted_at
      FROM mediasweep.reconcile_finding o
     WHERE f.run_id = run AND f.kind = 'ghost' AND o.kind = 'ghost' AND o.action = 'marked'
       AND o.run_id = (SELECT max(r.id) FROM mediasweep.reconcile_run r WHERE r.state = 'done' AND r.cloud_name = me.cloud_name)
       AND o.source_id = f.source_id AND o.public_id = f.public_id
       AND (o.resource_type, o.delivery_type, o.asset_id) IS NOT DISTINCT FROM (f.resource_type, f.delivery_type, f.asset_id)
       AND NOT EXISTS (
         SELECT FROM public.media_assets m
          WHERE m.deleted_at IS NULL AND m.cloudinary_public_id = f.public_id AND m.resource_type = f.resource_type
            AND m.delivery_type = f.delivery_type
            AND m.sync_error_message LIKE 'not at Cloudinary, found by reconcile %' IS NOT TRUE);
  END IF;
  UPDATE mediasweep.reconcile_run r
     SET state = CASE WHEN failed IS NULL THEN 'done' ELSE 'failed' END, reason = failed, finished_at = clock_timestamp(),
         counts = r.counts || (
           SELECT jsonb_build_object('orphans', count(*) FILTER (WHERE f.kind = 'orphan'), 'ghosts', count(*) FILTER (WHERE f.kind = 'ghost'),
                    'mismatches', count(*) FILTER (WHERE f.kind = 'mismatch'), 'orphan_bytes', coalesce(sum(f.bytes) FILTER (WHERE f.kind = 'orphan'), 0),
                    'sighted', count(f.sighted_at))
             FROM mediasweep.reconcile_finding f WHERE f.run_id = run)
   WHERE r.id = run;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
