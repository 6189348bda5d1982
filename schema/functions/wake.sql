-- Waking the daemon without making commits wait for each other.
--
-- A daemon holds one advisory key exclusively only while it sleeps. An enqueuer tries the shared transaction lock:
-- having it means "somebody is awake, and cannot fall asleep before my commit is visible"; not having it means
-- "they sleep", and only then is NOTIFY paid for (its lock makes notifying commits wait for one another).
-- Only ever a try: nothing here can make a user's transaction wait.

CREATE OR REPLACE FUNCTION mediasweep.asleep_key() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 7882817126551222117 $$;   -- 'mediaswe' as eight bytes

CREATE OR REPLACE FUNCTION mediasweep.wake() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock_shared(mediasweep.asleep_key()) THEN
    PERFORM pg_notify('mediasweep', '');
  END IF;
EXCEPTION WHEN OTHERS THEN
  NULL;   -- out of lock memory, say: what is queued must not be lost for want of a wake-up, the sweep finds it
END $$;

-- The sleeper's side. 'armed': the key is ours; sleep after one more look. Otherwise who refused it:
-- 'enqueuer' (a transaction is open that will not notify: look again soon) or 'sibling' (another daemon sleeps).
CREATE OR REPLACE FUNCTION mediasweep.arm() RETURNS text
LANGUAGE sql VOLATILE
AS $$
  SELECT CASE WHEN pg_try_advisory_lock(mediasweep.asleep_key()) THEN 'armed'
              WHEN pg_try_advisory_xact_lock_shared(mediasweep.asleep_key()) THEN 'enqueuer'
              ELSE 'sibling' END
$$;

-- Two waits in the key's own queue, granted or not within `patience`. Beside a sibling: shared, which disturbs no enqueuer and
-- is granted when the sibling wakes or dies. Beside enqueuers: exclusively, which makes new ones notify and is granted, as
-- `armed` is, when the last silent one has ended. An enqueuer only ever tries, so it never stands behind either.
CREATE OR REPLACE FUNCTION mediasweep.wait_for_sibling(patience interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  PERFORM set_config('lock_timeout', ceil(extract(epoch FROM patience) * 1000)::text, true);
  PERFORM pg_advisory_xact_lock_shared(mediasweep.asleep_key());
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.wait_for_enqueuers(patience interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  PERFORM set_config('lock_timeout', ceil(extract(epoch FROM patience) * 1000)::text, true);
  PERFORM pg_advisory_lock(mediasweep.asleep_key());
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.disarm() RETURNS boolean
LANGUAGE sql VOLATILE
AS $$ SELECT pg_advisory_unlock(mediasweep.asleep_key()) $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
