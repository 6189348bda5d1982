-- What daemons of the release before call: during a rolling update they work beside ours, under the same rules.

CREATE OR REPLACE FUNCTION mediasweep.claim(
  daemon        uuid,
  batch         integer,
  lease         interval,
  grace         interval,
  max_attempts  integer,
  force         boolean,
  INOUT horizon jsonb,
  OUT jobs         mediasweep.job[],
  OUT skipped      integer,
  OUT failed       integer,
  OUT guard_error  text,
  OUT probing      boolean,
  OUT held         boolean,
  OUT next_in      interval)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  SELECT c.memory, c.jobs, c.skipped, c.failed, c.guard_error, c.probing, c.held, c.next_in
    INTO horizon, jobs, skipped, failed, guard_error, probing, held, next_in
    FROM mediasweep.claim(daemon, batch, jsonb_build_object('lease', lease, 'grace', grace, 'max_attempts', max_attempts),
                          horizon) c;
END $$;

-- By rows, whatever asset they name by now.
CREATE OR REPLACE FUNCTION mediasweep.delete_media(ids uuid[], who text) RETURNS TABLE (id uuid, public_id text, queue_id uuid)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT d.id, d.public_id, d.queue_id FROM mediasweep.delete_media(ids, who, NULL) d;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
