-- The parts of an attached table, and their triggers: the table itself, its partitions, the tables that inherit from it.
-- A statement fires the triggers of the table that it names, so every part has its own; TRUNCATE goes down to the leaves.

CREATE OR REPLACE FUNCTION mediasweep.parts(relation regclass) RETURNS TABLE (part regclass, branch boolean)
LANGUAGE sql STABLE
AS $$
  WITH RECURSIVE below (id) AS (
    SELECT relation::oid
    UNION
    SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.id AND NOT i.inhdetachpending)
  SELECT c.oid::regclass, c.relkind = 'p' FROM below b JOIN pg_class c ON c.oid = b.id
   WHERE c.relkind IN ('r', 'p') OR c.oid = relation
   ORDER BY c.oid <> relation, c.oid
$$;

-- The parts that a table captures for: not those that are attached by themselves, nor what is below them.
CREATE OR REPLACE FUNCTION mediasweep.own_parts(a mediasweep.attached) RETURNS TABLE (part regclass, branch boolean)
LANGUAGE sql STABLE
AS $$
  WITH all_ AS MATERIALIZED (SELECT p.* FROM mediasweep.parts(a.relation) p)
  SELECT p.part, p.branch FROM all_ p
   WHERE p.part NOT IN (SELECT below.part FROM mediasweep.attached b CROSS JOIN mediasweep.parts(b.relation) below
                         WHERE b.detached_at IS NULL AND b.relation <> a.relation AND b.relation IN (SELECT o.part FROM all_ o))
$$;

-- The triggers that an attached table should have and has not, as the statements that make them.
CREATE OR REPLACE FUNCTION mediasweep.missing_triggers(a mediasweep.attached) RETURNS TABLE (part regclass, operation text, statement text)
LANGUAGE sql STABLE
AS $$
  SELECT p.part, kind.operation,
         format('CREATE TRIGGER %I %s %s ON %s%s FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.%I()',
           CASE WHEN octet_length(c.relname) > length(c.relname) THEN left(c.relname, 9) ELSE left(c.relname, 36) END
             || '_cleanup_trigger_' || kind.prefix || lower(kind.operation),
           kind.moment, kind.operation, p.part, kind.tables, kind.function)
    FROM mediasweep.own_parts(a) p
    JOIN pg_class c ON c.oid = p.part
   CROSS JOIN (VALUES ('DELETE', 'AFTER', ' REFERENCING OLD TABLE AS old_rows', 8, '', a.capture),
                      ('UPDATE', 'AFTER', ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', 16, '', a.capture),
                      ('TRUNCATE', 'BEFORE', '', 32, '', a.capture),
                      ('INSERT', 'AFTER', ' REFERENCING NEW TABLE AS new_rows', 4, 'use_', mediasweep.reference_name(a)),
                      ('UPDATE', 'AFTER', ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', 16, 'use_', mediasweep.reference_name(a)))
              kind (operation, moment, tables, bit, prefix, function)
   WHERE kind.function IS NOT NULL
     AND NOT (p.branch AND kind.operation = 'TRUNCATE')
     AND NOT EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                      WHERE t.tgrelid = p.part AND f.pronamespace = 'mediasweep'::regnamespace AND f.proname = kind.function
                        AND t.tgtype & kind.bit <> 0)
$$;

-- What of the attached tables is not captured, part by part: a partition made later, a trigger that was dropped or disabled.
CREATE OR REPLACE FUNCTION mediasweep.uncovered() RETURNS TABLE (source integer, relation regclass, part regclass, missing text)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.id, a.relation, lack.part, string_agg(lack.said, ', ' ORDER BY lack.said)
    FROM mediasweep.attached a
    JOIN pg_class c ON c.oid = a.relation
   CROSS JOIN LATERAL (
     SELECT m.part, m.operation AS said FROM mediasweep.missing_triggers(a) m
     UNION ALL
     SELECT t.tgrelid::regclass, t.tgname || ' is disabled'
       FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
      WHERE f.pronamespace = 'mediasweep'::regnamespace AND f.proname IN (a.capture, mediasweep.reference_name(a)) AND t.tgenabled IN ('D', 'R')) lack
   WHERE a.detached_at IS NULL
   GROUP BY a.id, a.relation, lack.part
$$;

-- Make the triggers that are missing, as far as that is possible in a moment: while it waits for a lock, writers wait for it.
-- Returns how many parts were covered. What is not is said, and tried again by the next migrate.
CREATE OR REPLACE FUNCTION mediasweep.cover() RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '50ms'
AS $$
DECLARE
  lack   record;
  done   integer := 0;
BEGIN
  FOR lack IN
    SELECT m.part, array_agg(m.statement) AS statements
      FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation CROSS JOIN LATERAL mediasweep.missing_triggers(a) m
     WHERE a.detached_at IS NULL GROUP BY m.part
  LOOP
    BEGIN
      PERFORM mediasweep.check_rights(lack.part);
      PERFORM mediasweep.run_each(lack.statements);
      done := done + 1;
    EXCEPTION WHEN lock_not_available OR insufficient_privilege OR undefined_table OR duplicate_object OR object_not_in_prerequisite_state
                   OR wrong_object_type OR feature_not_supported THEN
      RAISE WARNING 'mediasweep: what % lets go of is not captured: %', lack.part, SQLERRM;
    END;
  END LOOP;
  RETURN done;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.run_each(statements text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  one  text;
BEGIN
  FOREACH one IN ARRAY statements LOOP
    EXECUTE one;
  END LOOP;
EXCEPTION WHEN lock_not_available THEN
  RAISE lock_not_available USING MESSAGE = SQLERRM, HINT = 'A transaction holds the table. Nothing was changed: try again when it has ended.';
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
