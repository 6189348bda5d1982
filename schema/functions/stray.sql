-- What is no longer where it was attached: a table that is gone, or whose name another one has, or that was taken out of the one that
-- is attached. Nothing of it is decided without a person.

-- How an attached table is called in what reads it, which follows a rename unless another table has come to that name.
CREATE OR REPLACE FUNCTION mediasweep.known_as(a mediasweep.attached) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT substring(a.refs FROM 'FROM ((?:(?:"(?:[^"]|"")+"|\w+)\.)?(?:"(?:[^"]|"")+"|\w+)) AS r\M') $$;

-- The table that has its name now, and that nobody has attached: it may name the same assets.
CREATE OR REPLACE FUNCTION mediasweep.replaced_by(a mediasweep.attached) RETURNS regclass
LANGUAGE sql STABLE
AS $$
  SELECT c.oid::regclass FROM pg_class c
   WHERE c.oid = to_regclass(mediasweep.known_as(a)) AND c.oid <> a.relation AND c.relkind IN ('r', 'p')
     AND NOT EXISTS (SELECT FROM mediasweep.attached other WHERE other.relation = c.oid AND other.detached_at IS NULL)
$$;

-- Why an attached table cannot be asked where it is now, and what to decide; NULL: it can.
CREATE OR REPLACE FUNCTION mediasweep.misplaced(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE
    WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = a.relation)
      THEN format('the attached table %s(number %s) is gone%s: detach it by SELECT mediasweep.detach_number(%2$s)',
                  mediasweep.known_as(a) || ' ', a.id,
                  CASE WHEN new.relation IS NOT NULL THEN ', and another has its name, to be attached if it names assets' END)
    WHEN new.relation IS NOT NULL
      THEN format('%s is another table now, which is not attached; the attached one is %s. If the new one names assets, attach it too:'
                  ' mediasweep attach %1$s. If not, detach %2$s, and attach that again', new.relation, a.relation) END
    FROM mediasweep.replaced_by(a) new (relation)
$$;

-- Tables that carry the triggers of an attached table and are no part of it any more: a partition that was detached, a table that
-- does not inherit now. Until somebody attaches or detaches them, they are asked by the guard as if they still were parts: it
-- looks for them each time, because who takes out a partition does not tell us.

CREATE OR REPLACE FUNCTION mediasweep.strays() RETURNS TABLE (source integer, relation regclass, was_part_of regclass)
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN   -- whose plan is kept, for each claim asks
  RETURN QUERY
  WITH carried AS MATERIALIZED (
    SELECT DISTINCT a.id, a.relation AS whole, t.tgrelid AS relation
      FROM mediasweep.attached a
      JOIN pg_proc f ON f.proname = a.capture AND f.pronamespace = 'mediasweep'::regnamespace
      -- triggers have no index by their function
      JOIN pg_depend d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = f.oid AND d.classid = 'pg_trigger'::regclass
      JOIN pg_trigger t ON t.oid = d.objid
     WHERE a.detached_at IS NULL),
  -- of nearly all parts the table above carries them too, so that there is no need to go further up
  topmost AS MATERIALIZED (
    SELECT c.* FROM carried c
     WHERE c.relation <> c.whole
       AND NOT EXISTS (SELECT FROM pg_inherits i
                        WHERE i.inhrelid = c.relation AND NOT i.inhdetachpending
                          AND (i.inhparent = c.whole OR (i.inhparent, c.id) IN (SELECT up.relation, up.id FROM carried up))))
  SELECT t.id, t.relation::regclass, t.whole FROM topmost t
   WHERE t.relation NOT IN (SELECT p.part FROM mediasweep.parts(t.whole) p);
END $$;

CREATE OR REPLACE FUNCTION mediasweep.uses_by_strays(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS TABLE (id uuid, used_by text)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
  ids        text[] := ARRAY(SELECT DISTINCT c.cloudinary_public_id FROM unnest(candidates) c);
  asset_ids  text[] := ARRAY(SELECT DISTINCT c.asset_id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL);
  tokens     text[];
  table_     mediasweep.attached;
  stray      record;
  question   record;
BEGIN
  FOR stray IN SELECT s.source, s.relation, s.was_part_of FROM mediasweep.strays() s LOOP
    SELECT a.* INTO table_ FROM mediasweep.attached a WHERE a.id = stray.source;
    table_.relation := stray.relation;
    tokens := mediasweep.tokens(ids);
    FOR question IN SELECT q.query, q.instead FROM mediasweep.questions(table_) q LOOP
      RETURN QUERY EXECUTE
        replace(replace(replace(replace(CASE WHEN tokens IS NULL THEN coalesce(question.instead, question.query) ELSE question.query END,
          'unnest(candidates)', 'unnest($1)'), '"mediasweep ids"', '$2'), '"mediasweep asset ids"', '$3'), '"mediasweep tokens"', '$4')
        USING candidates, ids, asset_ids, tokens;
    END LOOP;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE,
    MESSAGE = format('%s, which was a part of %s, cannot be asked: %s', stray.relation, stray.was_part_of, SQLERRM);
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
    PERFORM mediasweep.run_each(ARRAY[format('DROP TRIGGER %I ON %s', trigger_.tgname, trigger_.relation)]);
  END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING
    MESSAGE = format('mediasweep.detach: only the owner of %s may drop its triggers', trigger_.relation),
    HINT = E'As the owner, and then again:\n' || (
      SELECT string_agg(format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass), E'\n' ORDER BY t.tgname)
        FROM pg_trigger t WHERE t.oid = ANY (triggers));
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
