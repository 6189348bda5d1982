"""What the worlds ask of the database and change in it, by SQL alone."""

ARTICLES = """
CREATE TABLE public.articles (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cover text, asset_id text);
SELECT mediasweep.attach('public.articles', '{"public_id": "cover", "asset_id": "asset_id"}')
"""
ASYNCHRONOUS = """
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
END $$
"""
DEAD_DAEMON = """
INSERT INTO mediasweep.daemon (id, host, pid, version, concurrency, config)
VALUES (gen_random_uuid(), 'here', 1, 'dead', 3, $1::jsonb)
"""
FELL_BACK = """
INSERT INTO mediasweep.fallback (source_id, ref)
VALUES (1, jsonb_build_object('public_id', $1::text, 'resource_type', 'image',
                              'delivery_type', 'upload')),
       (1, '{"row": 1}')
"""
OLD = """
WITH queue AS (
  INSERT INTO mediasweep.cloudinary_cleanup_queue
    (cloudinary_public_id, status, queued_at, processed_at, claim_no)
  VALUES ('old', 'completed', now() - interval '60 days', now() - interval '60 days', 1))
INSERT INTO mediasweep.journal (id, at, event) OVERRIDING SYSTEM VALUE
SELECT least(0, min(j.id)) - 1, now() - interval '60 days', 'old' FROM mediasweep.journal j;
INSERT INTO mediasweep.gate (name, source_id, reason, closed_by)
SELECT 'brake', a.id, 'a test', 'a test' FROM mediasweep.attached a
 WHERE a.relation = 'public.articles'::regclass ON CONFLICT DO NOTHING
"""
NOTHING_OLD = """
SELECT NOT EXISTS (SELECT FROM mediasweep.journal j WHERE j.event = 'old')
   AND NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q
                    WHERE q.cloudinary_public_id = 'old')
"""
REFILLED = "SELECT NOT EXISTS (SELECT FROM mediasweep.fallback f WHERE f.refused IS NULL)"
NO_GATE = "SELECT NOT EXISTS (SELECT FROM mediasweep.gate)"
COLUMN = "ALTER TABLE public.articles RENAME COLUMN {} TO {}"
PAUSE = """
INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('pause', 'a test', 'a test')
ON CONFLICT DO NOTHING
"""
ASLEEP = """
SELECT EXISTS (
  SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
   WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
     AND a.application_name LIKE 'mediasweep asleep %')
"""
FORGET_SLEEPERS = """
SELECT pg_terminate_backend(a.pid, 5000) FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.application_name LIKE 'mediasweep asleep %'
"""
OPEN = "DELETE FROM mediasweep.gate"
INSTALL = "SELECT mediasweep.recognise(gen_random_uuid(), $1::jsonb)"
AT_HOME = """
SELECT EXISTS (
  SELECT FROM mediasweep.daemon d JOIN mediasweep.installation i ON d.home = i.version
   WHERE d.last_sweep > d.started_at AND mediasweep.is_alive(d))
"""
# with another version, so that it compares
RESTART = """
WITH restarted AS (
  UPDATE mediasweep.installation i
     SET version = i.version + 1, server_started_at = i.server_started_at - interval '1 day'
  RETURNING i.version)
UPDATE mediasweep.daemon d SET home = restarted.version FROM restarted
"""
MOVE = RESTART.replace("SET ", "SET places = '{elsewhere}', place = 'elsewhere', ", 1)
ACKNOWLEDGE = """
INSERT INTO mediasweep.acknowledgement (source_id, snapshot, acknowledged_by)
SELECT a.id, pg_current_snapshot(), 'a test' FROM mediasweep.attached a
"""
DELETED_BEFORE = """
INSERT INTO mediasweep.journal (event, public_id, resource_type, delivery_type)
SELECT 'completed', 'before' || n, 'image', 'upload' FROM generate_series(1, 7) n
"""
FORCE_AGAIN = """
UPDATE mediasweep.scheduler SET forced = 100 WHERE forced = 0;
NOTIFY mediasweep;
SELECT pg_sleep(0.1)
"""
HOLD_AGAIN = """
UPDATE mediasweep.gate SET closed_at = clock_timestamp() WHERE name = 'failover';
SELECT pg_sleep(0.1)
"""
LOSE = """
WITH gone AS (
  DELETE FROM mediasweep.cloudinary_cleanup_queue
   WHERE id = (SELECT id FROM mediasweep.cloudinary_cleanup_queue
                WHERE status = 'processing' AND lease_until IS NOT NULL AND asset_id IS NULL
                  AND cloudinary_public_id = ANY ($1) LIMIT 1)
  RETURNING id, cloudinary_public_id),
unknown AS (
  DELETE FROM mediasweep.journal j USING gone WHERE j.queue_id = gone.id)
SELECT gone.cloudinary_public_id FROM gone
"""
