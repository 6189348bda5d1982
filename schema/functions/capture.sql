-- Capture: a row lets go of an asset, a queue row is born in the same transaction.
--
-- For each attached table `capture_source` writes one trigger function from the shape of its references: what the old rows
-- certainly named minus what the new ones may name, which is delete, soft delete, changed id and removed element in one rule.
-- It only ever INSERTs: nothing of ours is locked or updated in the user's transaction, so it can neither wait nor
-- deadlock. What fails falls back to a bare table and a WARNING (a `strict` table fails instead).

-- The release before had it with one parameter.
DROP FUNCTION IF EXISTS mediasweep.keep_rows_statement(mediasweep.attached);

-- The types as Cloudinary knows them; anything else is unknown.
CREATE OR REPLACE FUNCTION mediasweep.resource_type(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE lower(btrim(said)) WHEN 'image' THEN 'image' WHEN 'video' THEN 'video' WHEN 'audio' THEN 'video'
                                 WHEN 'raw' THEN 'raw' END
$$;

CREATE OR REPLACE FUNCTION mediasweep.delivery_type(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE lower(btrim(said)) WHEN 'upload' THEN 'upload' WHEN 'private' THEN 'private'
                                 WHEN 'authenticated' THEN 'authenticated' END
$$;

-- A number that a column may or may not hold. What only describes an asset must not be able to fail.
CREATE OR REPLACE FUNCTION mediasweep.whole_number(said text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN said COLLATE "C" ~ '^[0-9]{1,18}$' THEN said::bigint END $$;

-- The user behind a Supabase request, if there is one. Must not be able to fail.
CREATE OR REPLACE FUNCTION mediasweep.acting_user() RETURNS uuid
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;

-- A hash of all that decides about the references of the row r, to be compared before and after a statement. Each hash is
-- the seed of the next. NULL and the empty text are the same: both name nothing.
CREATE OR REPLACE FUNCTION mediasweep.key_expression(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT string_agg(CASE WHEN mediasweep.column_type(a.relation, used.name) = 'jsonb'
                         THEN format('jsonb_hash_extended(coalesce(r.%I, ''null''), ', used.name)
                         ELSE format('hashtextextended(coalesce(r.%I::text, '''') COLLATE "C", ', used.name) END, '' ORDER BY used.name)
         || format('CASE WHEN %s THEN 1 ELSE 0 END', mediasweep.gone_expression(a.relation, a.options))
         || coalesce(E' + CASE (' || (a.options ->> 'filter') || E'\n) WHEN true THEN 2 WHEN false THEN 4 ELSE 6 END', '')
         || repeat(')', count(*)::integer)
    FROM (SELECT DISTINCT mediasweep.column_of(ref -> option_) FROM mediasweep.refs_of(a.options) ref,
                 unnest('{public_id,resource_type,delivery_type,asset_id}'::text[]) option_) used (name)
   WHERE used.name IS NOT NULL
$$;

-- Most updates have nothing to do with the assets. A sum of hashes is the cheapest way to see that, several times cheaper
-- than to compare the rows.
CREATE OR REPLACE FUNCTION mediasweep.unchanged_statement(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$IF TG_OP = 'UPDATE' THEN
      IF (SELECT sum(%1$s) FROM old_rows r) IS NOT DISTINCT FROM (SELECT sum(%1$s) FROM new_rows r) THEN
        RETURN NULL;
      END IF;
    END IF;
    $q$, mediasweep.key_expression(a))
$$;

-- What a statement let go of: one row an asset, with the reason. Ids are compared byte for byte. An UPDATE counts the old rows
-- of an asset as one before it compares them: a thousand may name it, and a thousand new ones the same under another type.
CREATE OR REPLACE FUNCTION mediasweep.released_query(a mediasweep.attached, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE operation
    WHEN 'DELETE' THEN format($q$
      SELECT DISTINCT ON (%s) was.*, 'row_deleted' AS reason FROM (%s) was$q$, asset.key, mediasweep.refs_query(a, 'old_rows', 'capture'))
    WHEN 'TRUNCATE' THEN format($q$
      SELECT DISTINCT ON (%s) was.*, 'table_truncated' AS reason FROM (%s) was$q$,
      asset.key, mediasweep.refs_query(a, '"mediasweep truncated"', 'capture'))
    -- whether it is a soft delete is asked once a statement first: mostly all of its rows are dead now, or none
    ELSE format($q$
      SELECT %1$s was.*,
             CASE WHEN NOT EXISTS (SELECT FROM new_rows r WHERE (%3$s) IS NOT TRUE)
                    OR was.public_id COLLATE "C" IN (SELECT dead.public_id FROM (%4$s) dead)
                  THEN 'soft_deleted' ELSE 'reference_removed' END AS reason
        FROM (SELECT DISTINCT ON (%2$s) was.* FROM (%5$s) was) was
       WHERE NOT EXISTS (
         SELECT FROM (%6$s) stays
          WHERE stays.public_id = was.public_id COLLATE "C"
            AND (stays.resource_type = was.resource_type OR stays.resource_type IS NULL OR was.resource_type IS NULL)
            AND (stays.delivery_type = was.delivery_type OR stays.delivery_type IS NULL OR was.delivery_type IS NULL))$q$,
      CASE WHEN asset.has_id THEN format('DISTINCT ON (%s)', asset.key) ELSE '' END,
      asset.key || CASE WHEN asset.has_id THEN ', was.asset_id' ELSE '' END,
      mediasweep.gone_expression(a.relation, a.options), mediasweep.refs_query(a, 'new_rows', 'dead'),
      mediasweep.refs_query(a, 'old_rows', 'capture'), mediasweep.refs_query(a, 'new_rows', 'use'))
      -- a rename keeps the asset id: the asset stays, whatever it is called now
      || CASE WHEN asset.has_id THEN format($q$
         AND NOT EXISTS (SELECT FROM (%s) stays WHERE stays.asset_id = was.asset_id COLLATE "C")$q$,
        mediasweep.refs_query(a, 'new_rows', 'use')) ELSE '' END END
    FROM (SELECT 'was.public_id COLLATE "C", was.resource_type, was.delivery_type',
                 EXISTS (SELECT FROM mediasweep.refs_of(a.options) ref WHERE ref ? 'asset_id')) asset (key, has_id)
$$;

CREATE OR REPLACE FUNCTION mediasweep.queue_statement(a mediasweep.attached, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
       deletion_reason, trigger_source, triggered_by, source_id, due_at)
    SELECT released.*, 'trigger',
           (SELECT CASE WHEN current_setting('request.jwt.claims', true) <> '' THEN mediasweep.acting_user() END), %s,
           clock_timestamp() + %L::interval
      FROM (%s) released;$q$, a.id, a.grace, mediasweep.released_query(a, operation))
$$;

CREATE OR REPLACE FUNCTION mediasweep.fallback_statement(a mediasweep.attached, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
    SELECT %s, to_jsonb(released) - 'reason', released.reason, session_user,
           current_setting('application_name', true), "mediasweep failure"
      FROM (%s) released;$q$, a.id, mediasweep.released_query(a, operation))
$$;

-- One of three statements, by the operation of the trigger that fired.
CREATE OR REPLACE FUNCTION mediasweep.by_operation(on_delete text, on_update text, on_truncate text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format($q$IF TG_OP = 'DELETE' THEN %s
    ELSIF TG_OP = 'UPDATE' THEN %s
    ELSE %s
    END IF;$q$, on_delete, on_update, on_truncate)
$$;

-- The last resort keeps the rows themselves, for when the expressions are what fails.
CREATE OR REPLACE FUNCTION mediasweep.keep_rows_statement(a mediasweep.attached, rows_from text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
        INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
        SELECT %s, jsonb_build_object('row', to_jsonb(r)), 'unread', session_user,
               current_setting('application_name', true), "mediasweep failure"
          FROM %s r;$q$, a.id, rows_from)
$$;

-- A TRUNCATE has no transition tables: a statement that reads what the part that it fired on still holds. It reads only that
-- part, for another may be locked by somebody who waits for this one; by way of the table where the owner may not.
CREATE OR REPLACE FUNCTION mediasweep.truncated_statement(a mediasweep.attached, statement text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
    EXECUTE replace(%L, '"mediasweep truncated"',
      CASE WHEN has_table_privilege(TG_RELID, 'SELECT') AND NOT row_security_active(TG_RELID) THEN format('ONLY %%s', TG_RELID::regclass)
           ELSE format('(SELECT * FROM %%s t WHERE t.tableoid = %%s)', %L, TG_RELID) END)%s;$q$,
    replace(statement, '"mediasweep failure"', '$1'), a.relation::text,
    CASE WHEN position('"mediasweep failure"' IN statement) > 0 THEN ' USING "mediasweep failure"' ELSE '' END)
$$;

CREATE OR REPLACE FUNCTION mediasweep.capture_source(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  WITH part AS (
    SELECT mediasweep.unchanged_statement(a)
           || mediasweep.by_operation(mediasweep.queue_statement(a, 'DELETE'), mediasweep.queue_statement(a, 'UPDATE'),
                                      mediasweep.truncated_statement(a, mediasweep.queue_statement(a, 'TRUNCATE')))
           || woken.sql
           || mediasweep.by_operation(mediasweep.unread_statement(a, 'DELETE'), mediasweep.unread_statement(a, 'UPDATE'), 'NULL;') AS queue,
           mediasweep.by_operation(mediasweep.fallback_statement(a, 'DELETE'), mediasweep.fallback_statement(a, 'UPDATE'),
                                   mediasweep.truncated_statement(a, mediasweep.fallback_statement(a, 'TRUNCATE')))
           || woken.sql AS fall_back,
           mediasweep.by_operation(kept.from_old, kept.from_old,
                                   mediasweep.truncated_statement(a, mediasweep.keep_rows_statement(a, '"mediasweep truncated"'))) AS keep
      FROM mediasweep.keep_rows_statement(a, 'old_rows') kept (from_old)
     CROSS JOIN (SELECT E'\n    GET DIAGNOSTICS "mediasweep queued" = ROW_COUNT;'
                        || CASE WHEN a.notify THEN ' IF "mediasweep queued" > 0 THEN PERFORM mediasweep.wake(); END IF;' ELSE '' END
                        || E'\n    ') woken (sql))
  SELECT E'#variable_conflict use_column\n' || CASE WHEN a.strict THEN format($q$DECLARE
  "mediasweep queued"  bigint;
BEGIN
  %s
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE,
    MESSAGE = format('mediasweep: could not queue the assets of %%s: %%s', TG_RELID::regclass, SQLERRM),
    HINT = 'The table is attached as strict, so nothing of it goes. Mend the cause, or attach it without "strict".';
END$q$, part.queue)
         ELSE format($q$DECLARE
  "mediasweep queued"   bigint;
  "mediasweep failure"  text;
BEGIN
  BEGIN
    %s
    RETURN NULL;
  EXCEPTION WHEN OTHERS THEN
    "mediasweep failure" := SQLSTATE || ' ' || SQLERRM;
  END;
  BEGIN
    %s
    RAISE WARNING 'mediasweep: could not queue the assets of %%, kept them in mediasweep.fallback: %%', TG_RELID::regclass, "mediasweep failure";
    RETURN NULL;
  EXCEPTION WHEN OTHERS THEN
    "mediasweep failure" := "mediasweep failure" || '; ' || SQLERRM;
  END;
  BEGIN
    %s
    RAISE WARNING 'mediasweep: could not read the assets of %%, kept the rows in mediasweep.fallback: %%', TG_RELID::regclass, "mediasweep failure";
  EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'mediasweep: could not queue the assets of %%, and not keep them either: %%; %%', TG_RELID::regclass, "mediasweep failure", SQLERRM;
  END;
  RETURN NULL;
END$q$, part.queue, part.fall_back, part.keep) END
    FROM part
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
