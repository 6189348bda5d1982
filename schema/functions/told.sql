-- What Cloudinary told of an asset that is to be deleted, whether it was applied to the library or not: another name, or a newer file.
-- The notifications of the last days are all in the inbox (inbox.sql), also where there is no library.

-- Which asset an upload or a rename is about, and what it is called after it; nothing of other notifications, or where that cannot be read.
CREATE OR REPLACE FUNCTION mediasweep.told(
  body bytea, OUT asset_id text, OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint)
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  said  jsonb;
BEGIN
  said := convert_from(body, 'UTF8');
  IF said ->> 'notification_type' IN ('upload', 'rename') THEN
    asset_id := said ->> 'asset_id';
    public_id := coalesce(said ->> 'to_public_id', said ->> 'public_id');
    resource_type := mediasweep.resource_type(said ->> 'resource_type');
    delivery_type := mediasweep.delivery_type(said ->> 'type');
    version := CASE said ->> 'notification_type' WHEN 'upload' THEN mediasweep.whole_number(said ->> 'version') END;
  END IF;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN;   -- it is kept as it came
END $$;

-- These rows, and once more those whose asset was last told to have another name, by that: a use may name it so, and a rename may
-- have changed its delivery type. Of what was told in one second nobody knows which came last.
CREATE OR REPLACE FUNCTION mediasweep.by_every_name(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS mediasweep.cloudinary_cleanup_queue[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN candidates || ARRAY(
    SELECT jsonb_populate_record(c, jsonb_build_object('cloudinary_public_id', now_.name, 'delivery_type', NULL))
      FROM unnest(candidates) c
     CROSS JOIN LATERAL (
       SELECT i.public_id FROM mediasweep.inbox i
        WHERE hashtextextended(i.asset_id, 0) = hashtextextended(c.asset_id, 0) AND i.asset_id = c.asset_id AND i.public_id IS NOT NULL
        ORDER BY i.signed_at DESC FETCH FIRST 1 ROWS WITH TIES) now_ (name)
     WHERE c.asset_id IS NOT NULL AND now_.name <> c.cloudinary_public_id);
END $$;

-- The last version that a row lets go of. A version is the second of its upload; where the row knows none, or what is none (`v1` stands in
-- URLs that tell none, and a row's own clock may count thousandths), that is what was there before the second in which it was queued.
-- Who queues a name by hand means what is there by then, that second included.
CREATE OR REPLACE FUNCTION mediasweep.lets_go_up_to(q mediasweep.cloudinary_cleanup_queue) RETURNS bigint
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN q.version BETWEEN 100000000 AND floor(extract(epoch FROM q.queued_at)) + 3600 THEN q.version
              ELSE floor(extract(epoch FROM q.queued_at))::bigint - (q.trigger_source IN ('trigger', 'fallback'))::integer END
$$;

-- The version of a file that was uploaded over the one that a row let go of, if Cloudinary told of one: its own row may be still to come.
-- What is queued before an upload, for the case that it is broken off, is meant for just that file.
CREATE OR REPLACE FUNCTION mediasweep.newer_version(q mediasweep.cloudinary_cleanup_queue) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  last_  bigint := mediasweep.lets_go_up_to(q);
BEGIN
  IF q.trigger_source = 'upload' THEN
    RETURN NULL;
  END IF;
  RETURN greatest(
    (SELECT n.version   -- along the index, for a busy name has many
       FROM mediasweep.inbox n
      WHERE hashtextextended(n.public_id, 0) = hashtextextended(q.cloudinary_public_id, 0) AND n.public_id = q.cloudinary_public_id
        AND (n.resource_type = q.resource_type) IS NOT FALSE AND (n.delivery_type = q.delivery_type) IS NOT FALSE AND n.version > last_
      ORDER BY n.version DESC LIMIT 1),
    (SELECT max(u.version)   -- what was uploaded under another name, and renamed to this one
       FROM mediasweep.inbox r
       JOIN mediasweep.inbox u ON hashtextextended(u.asset_id, 0) = hashtextextended(r.asset_id, 0) AND u.asset_id = r.asset_id
                              AND u.public_id IS NOT NULL
      WHERE hashtextextended(r.public_id, 0) = hashtextextended(q.cloudinary_public_id, 0) AND r.public_id = q.cloudinary_public_id
        AND (r.resource_type = q.resource_type) IS NOT FALSE AND (r.delivery_type = q.delivery_type) IS NOT FALSE
        AND r.version IS NULL AND u.version > last_));
END $$;

-- Whether every use of an asset is found by its asset id, whatever it is called by now: each attached table has one beside each public id,
-- no URL may lay it over another asset, and no name is protected. Otherwise what was renamed may be in use under a name that nobody
-- here knows, and a deletion has to go by the old one, under which it is not found.
CREATE OR REPLACE FUNCTION mediasweep.names_tell_nothing() RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM mediasweep.protected)
     AND NOT EXISTS (
       SELECT FROM mediasweep.attached a CROSS JOIN LATERAL mediasweep.refs_of(a.options) ref
        WHERE a.detached_at IS NULL AND (NOT ref ? 'asset_id' OR mediasweep.is_url(ref)));
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
