-- How many rows may go now, by the gates; and when the next one opens.

-- None, one (`probing`: the test of gates whose time has come), or all. `forcing`: a sweep that was asked for goes through
-- a pause, and through nothing else.
CREATE OR REPLACE FUNCTION mediasweep.allowance(
  batch integer, OUT allowed integer, OUT probing boolean, OUT forcing boolean, OUT news jsonb)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  gates   record;
  forced  integer;
  locked  integer;
BEGIN
  SELECT s.forced, CASE WHEN s.configured_at IS NULL THEN '{}' ELSE jsonb_build_object('config', to_jsonb(s)) END AS news, closed.*
    INTO gates
    FROM mediasweep.scheduler s
   CROSS JOIN (
     SELECT count(*) FILTER (WHERE (g.until IS NULL OR g.until > clock_timestamp()) AND g.name <> 'pause') AS closed,
            count(*) FILTER (WHERE (g.until IS NULL OR g.until > clock_timestamp()) AND g.name = 'pause') AS paused,
            count(*) FILTER (WHERE g.until <= clock_timestamp() AND g.probe IS NOT NULL) AS waiting,
            string_agg(g.name || ': ' || g.reason, '; ' ORDER BY g.closed_at)
              FILTER (WHERE g.until IS NULL OR g.until > clock_timestamp()) AS said
       FROM mediasweep.gate g WHERE g.source_id IS NULL) closed;
  forced := gates.forced; news := gates.news;
  IF forced > 0 AND gates.paused = 0 THEN   -- what it was to pass is open: the next pause is another one
    PERFORM mediasweep.spend_forced(NULL);
    forced := 0;
  END IF;
  forcing := gates.paused > 0 AND gates.closed = 0 AND forced > 0;
  IF forcing THEN   -- what is left of it is shared by all daemons: one claim at a time
    SELECT s.forced INTO forced FROM mediasweep.scheduler s FOR UPDATE;
    batch := least(batch, forced);
    news := news || '{"forced": true}';
  ELSIF gates.closed + gates.paused > 0 THEN
    news := news || jsonb_build_object('closed', gates.said, 'paused', gates.closed = 0);
    allowed := 0; probing := false;
    RETURN;
  END IF;
  probing := gates.waiting > 0;
  allowed := batch;
  IF probing AND batch > 0 THEN
    -- one prober in the fleet: who does not get all these locks at once leaves it to the one who has them
    PERFORM FROM mediasweep.gate g
      WHERE g.source_id IS NULL AND g.until <= clock_timestamp() AND g.probe IS NOT NULL FOR UPDATE SKIP LOCKED;
    GET DIAGNOSTICS locked = ROW_COUNT;
    allowed := (locked = gates.waiting)::integer;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.next_opening(probing boolean) RETURNS interval
LANGUAGE sql VOLATILE
AS $$
  SELECT CASE WHEN probing THEN interval '1 s' ELSE min(g.until) - clock_timestamp() END
    FROM mediasweep.gate g WHERE g.source_id IS NULL AND g.until > clock_timestamp()
$$;

-- A test is under way: nobody else tests before its time has passed again.
CREATE OR REPLACE FUNCTION mediasweep.put_probe_off() RETURNS void
LANGUAGE sql VOLATILE
AS $$
  UPDATE mediasweep.gate g SET until = clock_timestamp() + g.probe, tested_at = clock_timestamp()
   WHERE g.source_id IS NULL AND g.until <= clock_timestamp() AND g.probe IS NOT NULL
$$;

-- So many rows of the sweep that was asked for are on their way; NULL: there is nothing left for it to do.
CREATE OR REPLACE FUNCTION mediasweep.spend_forced(spent integer) RETURNS void
LANGUAGE sql VOLATILE
AS $$ UPDATE mediasweep.scheduler s SET forced = coalesce(greatest(0, s.forced - spent), 0) WHERE s.forced > 0 $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
