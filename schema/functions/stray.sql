-- Tables that carry the triggers of an attached table and are no part of it any more: a partition that was detached, a table that
-- does not inherit now. Until somebody attaches or detaches them, they are asked by the guard as if they still were parts: it
-- looks for them each time, because who takes out a partition does not tell us.

CREATE OR REPLACE FUNCTION mediasweep.strays() RETURNS TABLE (source integer, relation regclass)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT DISTINCT a.id, t.tgrelid::regclass
    FROM mediasweep.attached a
    JOIN pg_proc f ON f.pronamespace = 'mediasweep'::regnamespace AND f.proname IN (a.capture, mediasweep.reference_name(a))
    JOIN pg_trigger t ON t.tgfoid = f.oid
   WHERE a.detached_at IS NULL AND t.tgrelid <> a.relation
     -- mostly the table above carries them too: no need to go further up
     AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_trigger above ON above.tgrelid = i.inhparent AND above.tgfoid = t.tgfoid
                      WHERE i.inhrelid = t.tgrelid AND NOT i.inhdetachpending)
     AND t.tgrelid NOT IN (SELECT p.part FROM mediasweep.parts(a.relation) p)
$$;

CREATE OR REPLACE FUNCTION mediasweep.uses_by_strays(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS TABLE (id uuid, used_by text)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
  ids        text[] := ARRAY(SELECT DISTINCT c.cloudinary_public_id FROM unnest(candidates) c);
  asset_ids  text[] := ARRAY(SELECT DISTINCT c.asset_id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL);
  tokens     text[] := mediasweep.tokens(ids);
  table_     mediasweep.attached;
  stray      record;
  question   record;
BEGIN
  FOR stray IN SELECT s.source, s.relation FROM mediasweep.strays() s LOOP
    SELECT a.* INTO table_ FROM mediasweep.attached a WHERE a.id = stray.source;
    table_.relation := stray.relation;
    FOR question IN SELECT q.query, q.instead FROM mediasweep.questions(table_) q LOOP
      RETURN QUERY EXECUTE
        replace(replace(replace(replace(CASE WHEN tokens IS NULL THEN coalesce(question.instead, question.query) ELSE question.query END,
          'unnest(candidates)', 'unnest($1)'), '"mediasweep ids"', '$2'), '"mediasweep asset ids"', '$3'), '"mediasweep tokens"', '$4')
        USING candidates, ids, asset_ids, tokens;
    END LOOP;
  END LOOP;
END $$;

-- A statement fires the triggers of one attachment: of the nearest, where a part is attached by itself. These are others on the
-- parts of a table: of what it was a part of, or still is.
CREATE OR REPLACE FUNCTION mediasweep.foreign_triggers(relation regclass, kept integer) RETURNS oid[]
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(array_agg(t.oid ORDER BY t.tgrelid <> foreign_triggers.relation, t.tgrelid, t.tgname), '{}')
    FROM mediasweep.attached a
    JOIN pg_proc f ON f.pronamespace = 'mediasweep'::regnamespace AND f.proname IN (a.capture, mediasweep.reference_name(a))
    JOIN pg_trigger t ON t.tgfoid = f.oid
   WHERE a.detached_at IS NULL AND a.id <> kept AND t.tgrelid IN (SELECT p.part FROM mediasweep.parts(foreign_triggers.relation) p)
     -- below it, others may be attached by themselves
     AND a.relation NOT IN (SELECT p.part FROM mediasweep.parts(foreign_triggers.relation) p)
$$;

CREATE OR REPLACE FUNCTION mediasweep.drop_triggers(triggers oid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  trigger_  record;
BEGIN
  FOR trigger_ IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t WHERE t.oid = ANY (triggers)
                   ORDER BY array_position(triggers, t.oid) LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', trigger_.tgname, trigger_.relation);
  END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING
    MESSAGE = format('mediasweep.detach: only the owner of %s may drop its triggers', trigger_.relation),
    HINT = E'As the owner, and then again:\n' || (
      SELECT string_agg(format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass), E'\n' ORDER BY t.tgname)
        FROM pg_trigger t WHERE t.oid = ANY (triggers));
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
