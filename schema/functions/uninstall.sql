-- Take everything away again: every table is detached, the schema goes. What is unfinished would be lost: then only by force.

-- What an uninstall would lose, and who is at work: rows that are unfinished, captures not queued yet, daemons that run.
CREATE OR REPLACE FUNCTION mediasweep.left_to_do(OUT unfinished bigint, OUT fallen bigint, OUT alive bigint)
LANGUAGE sql VOLATILE
AS $$
  SELECT (SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue q WHERE q.processed_at IS NULL),
         (SELECT count(*) FROM mediasweep.fallback f WHERE f.refused IS NULL),
         (SELECT count(*) FROM mediasweep.daemon d WHERE d.beat_at > clock_timestamp() - interval '20 s')
$$;

CREATE OR REPLACE FUNCTION mediasweep.refuse_to_lose() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  left_  record;
BEGIN
  SELECT * INTO left_ FROM mediasweep.left_to_do();
  IF left_.unfinished + left_.fallen + left_.alive > 0 THEN
    RAISE EXCEPTION 'mediasweep.uninstall: % rows are unfinished, % captures not queued yet, and % daemons are running',
      left_.unfinished, left_.fallen, left_.alive
      USING HINT = 'Wait until they are done and stop the daemons, or lose what is left: SELECT mediasweep.uninstall(force => true).';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.uninstall(force boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
  others   text;
  number_  integer;
BEGIN
  PERFORM mediasweep.only_one_builder();
  IF NOT force THEN
    PERFORM mediasweep.refuse_to_lose();   -- before any lock on a table of the user's
  END IF;
  others := mediasweep.dependents();
  IF others IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.uninstall: these need the schema, and would go with it: %', others
      USING HINT = 'Drop them first.';
  END IF;
  FOR number_ IN SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL LOOP
    PERFORM mediasweep.detach_number(number_);
  END LOOP;
  -- what was captured while the triggers were waited for is unfinished too
  LOCK TABLE mediasweep.cloudinary_cleanup_queue, mediasweep.fallback IN ACCESS EXCLUSIVE MODE;
  IF NOT force THEN
    PERFORM mediasweep.refuse_to_lose();
  END IF;
  DROP SCHEMA mediasweep CASCADE;
END $$;

-- Objects outside of the schema that need something in it, other than the triggers of attached tables.
CREATE OR REPLACE FUNCTION mediasweep.dependents() RETURNS text
LANGUAGE sql STABLE
AS $$
  WITH ours AS (
    SELECT 'pg_class'::regclass::oid AS class, c.oid FROM pg_class c WHERE c.relnamespace = 'mediasweep'::regnamespace
    UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p WHERE p.pronamespace = 'mediasweep'::regnamespace
    UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t WHERE t.typnamespace = 'mediasweep'::regnamespace)
  SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
    FROM pg_depend d
    JOIN ours o ON o.class = d.refclassid AND o.oid = d.refobjid
   CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
   WHERE d.deptype IN ('n', 'a') AND i.schema IS DISTINCT FROM 'mediasweep' AND i.identity !~ '(^|\m(on|for) )mediasweep[.]'
     AND NOT EXISTS (SELECT FROM pg_trigger t JOIN mediasweep.attached a ON a.detached_at IS NULL
                       JOIN pg_proc f ON f.oid = t.tgfoid AND f.proname IN (a.capture, mediasweep.reference_name(a))
                      WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
