-- Claim: lock → guard → mark, in one call and one durable commit, before anything is sent.
-- Three statements in READ COMMITTED: the guard's snapshot is younger than the locks, the mark is younger than the guard.
-- A crash before the commit leaves the rows as they were; after it, their lease runs out and the next claim takes over.
--
-- `terms` is what the daemon was set to: lease, grace, settle, max_attempts, cloud, brake_floor, brake_share, brake_window; and
-- `once`, for a dry run, whose claims are rolled back: each row is taken once, and what fell due again is not looked for.
-- `memory` is what its last claim found out (horizon, cursor, what the brake let pass); opaque, and of one server process.
-- `news` is what the daemon should know: closed (why nothing is sent), braked (what this claim stopped), config, handed_over
-- (of how many rows nobody said what came of their last claim), kept (of the skipped rows, how many for which reason).

CREATE OR REPLACE FUNCTION mediasweep.claim(
  daemon        uuid,
  batch         integer,
  terms         jsonb,
  INOUT memory  jsonb,
  OUT jobs         mediasweep.job[],
  OUT skipped      integer,
  OUT failed       integer,
  OUT guard_error  text,
  OUT probing      boolean,
  OUT held         boolean,
  OUT next_in      interval,
  OUT news         jsonb)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan   -- for all that it calls: planning anew costs more than the claim
AS $$
DECLARE
  grace       interval := terms ->> 'grace';
  go          record;
  due         record;
  checked     record;
  marked      record;
  candidates  mediasweep.cloudinary_cleanup_queue[];
  sent        mediasweep.cloudinary_cleanup_queue[];
  uses        jsonb;
  handed_over integer;
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM mediasweep.be_durable();
  END IF;
  jobs := '{}'; skipped := 0; failed := 0; held := false;
  memory := mediasweep.advance(memory);
  IF coalesce(memory ->> 'home' <> mediasweep.home()::text, true) THEN   -- closes a gate where this is not the place that it was
    memory := memory || jsonb_build_object('home', mediasweep.recognise(daemon, terms));
  END IF;
  go := mediasweep.allowance(CASE WHEN memory ->> 'home' IS NULL THEN 0 ELSE batch END);
  probing := go.probing; news := go.news;
  IF go.allowed = 0 THEN
    next_in := mediasweep.next_opening(probing);
    RETURN;
  END IF;
  -- lock
  LOOP
    due := mediasweep.lock_due(go.allowed, memory, terms);
    candidates := due.candidates; memory := due.memory;
    EXIT WHEN cardinality(candidates) = 0;
    checked := mediasweep.brake(candidates, terms, memory, news);
    memory := checked.memory; news := checked.news;
    EXIT WHEN NOT news ? 'braked_now';   -- otherwise once more, without the sources that were stopped
    news := news - 'braked_now';
  END LOOP;
  IF cardinality(candidates) = 0 THEN
    due := mediasweep.next_due(grace);
    next_in := due.at - clock_timestamp(); held := due.held;
    IF memory ? 'midway' THEN   -- only a part was looked at
      next_in := least(next_in, '0.1 s');
    END IF;
    IF go.forcing AND NOT held THEN   -- what only an open transaction holds belongs to it
      PERFORM mediasweep.spend_forced(NULL);
    END IF;
    RETURN;
  END IF;
  -- guard
  BEGIN
    SELECT jsonb_object_agg(u.id, u.used_by) INTO uses FROM mediasweep.uses(mediasweep.by_every_name(candidates)) u;
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    guard_error := SQLERRM;
    PERFORM mediasweep.put_off(candidates, guard_error);
    next_in := interval '1 s';
    RETURN;
  END;
  -- a later statement than the guard's: it knows each row that the guard's snapshot has let go of
  sent := mediasweep.without(candidates, mediasweep.waiting_assets(candidates, memory, grace));
  held := cardinality(sent) < cardinality(candidates);
  -- mark
  marked := mediasweep.mark(daemon, sent, uses, (terms ->> 'lease')::interval,
                            coalesce((news -> 'config' ->> 'max_retries')::integer, (terms ->> 'max_attempts')::integer));
  jobs := marked.jobs; skipped := marked.skipped; failed := marked.failed;
  IF skipped > 0 THEN   -- why, this transaction has just written down; the result of `mark` is that of the release before
    news := news || jsonb_build_object('kept', (
      SELECT jsonb_object_agg(k.outcome, k.rows)
        FROM (SELECT j.outcome, count(*) AS rows FROM mediasweep.journal j
               WHERE j.queue_id = ANY (ARRAY(SELECT s.id FROM unnest(sent) s)) AND j.event = 'skipped' AND mediasweep.is_mine(j.xmin)
               GROUP BY j.outcome) k));
  END IF;
  handed_over := (SELECT count(*) FROM unnest(sent) s WHERE s.lease_until IS NOT NULL);
  IF handed_over > 0 THEN
    news := news || jsonb_build_object('handed_over', handed_over);
  END IF;
  IF probing AND cardinality(jobs) > 0 THEN
    PERFORM mediasweep.put_probe_off();
  END IF;
  IF go.forcing THEN
    PERFORM mediasweep.spend_forced(cardinality(sent));
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
