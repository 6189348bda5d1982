-- The fleet: the beat of each daemon, and how they share the calls that Cloudinary takes at a time.
--
-- The sum of what the daemons were given never passes the limit: a daemon is given only what no other one holds, and what
-- it is to give up counts as its own until it says that it has. One call stays free for a newcomer, so that it can begin at
-- once. A daemon that died keeps its share for twenty seconds, in which what it had sent is over.

CREATE OR REPLACE FUNCTION mediasweep.is_alive(d mediasweep.daemon) RETURNS boolean
LANGUAGE sql VOLATILE
AS $$ SELECT d.beat_at > clock_timestamp() - interval '20 s' $$;

-- The limit of calls at a time: what is set; after Cloudinary said that it was too many, half, and one more every 30 s.
CREATE OR REPLACE FUNCTION mediasweep.fleet_limit(own_limit integer) RETURNS integer
LANGUAGE sql VOLATILE
AS $$
  SELECT least(coalesce(s.concurrency, own_limit),
               s.throttled_to + floor(extract(epoch FROM clock_timestamp() - s.throttled_at) / 30)::integer)
    FROM mediasweep.scheduler s
$$;

-- Halve the limit. The calls that were out together are answered together, and count as one.
CREATE OR REPLACE FUNCTION mediasweep.throttle(own_limit integer) RETURNS boolean
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH halved AS (
    UPDATE mediasweep.scheduler s
       SET throttled_to = greatest(1, mediasweep.fleet_limit(own_limit) / 2), throttled_at = clock_timestamp()
     WHERE coalesce(s.throttled_at < clock_timestamp() - interval '5 s', true)
    RETURNING s.one)
  SELECT EXISTS (SELECT FROM halved)
$$;

-- This daemon's share, and the one that it would have if all had taken theirs. `held`: what it may have out until it hears.
CREATE OR REPLACE FUNCTION mediasweep.share(
  daemon uuid, own_limit integer, held integer, OUT calls integer, OUT fair integer)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  most    integer := mediasweep.fleet_limit(own_limit);
  free    integer;
  place   integer;
  living  integer;
BEGIN
  SELECT most - coalesce(sum(d.concurrency) FILTER (WHERE d.id <> daemon), 0),
         count(*) FILTER (WHERE (d.started_at, d.id) < (me.started_at, me.id)), count(*)
    INTO free, place, living
    FROM mediasweep.daemon d, (SELECT m.* FROM mediasweep.daemon m WHERE m.id = daemon) me
   WHERE mediasweep.is_alive(d) AND coalesce((d.config ->> 'works')::boolean, true);
  IF most > living THEN
    most := most - 1;
  END IF;
  fair := most / living + (place < most % living)::integer;
  calls := greatest(0, least(fair, free));
  UPDATE mediasweep.daemon d SET concurrency = greatest(calls, held) WHERE d.id = daemon;
END $$;

-- One call serves three needs: the registry's beat, the canary of the listener (a NOTIFY from another connection that it
-- must hear), and the heartbeat of the working pool. `said` is what the daemon tells of itself.
CREATE OR REPLACE FUNCTION mediasweep.beat(daemon uuid, said jsonb, OUT calls integer, OUT fair integer)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7882817126551222119);   -- shares are given out one at a time
  INSERT INTO mediasweep.daemon AS d
    (id, listening, completed, failed, last_sweep, host, pid, version, concurrency, config)
  VALUES (daemon, (said ->> 'listening')::boolean, (said ->> 'completed')::bigint, (said ->> 'failed')::bigint,
          clock_timestamp() - (said ->> 'swept_s_ago')::float8 * interval '1 s', said ->> 'host', (said ->> 'pid')::integer,
          said ->> 'version', 0, said -> 'config')
  ON CONFLICT (id) DO UPDATE
     SET beat_at = clock_timestamp(), listening = excluded.listening, completed = excluded.completed,
         failed = excluded.failed, last_sweep = coalesce(excluded.last_sweep, d.last_sweep), config = excluded.config;
  calls := 0; fair := 0;
  IF (said -> 'config' ->> 'works')::boolean THEN
    SELECT s.calls, s.fair INTO calls, fair
      FROM mediasweep.share(daemon, (said ->> 'limit')::integer, (said ->> 'held')::integer) s;
  END IF;
  PERFORM pg_notify(said ->> 'channel', said ->> 'token');
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
