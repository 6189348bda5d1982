-- From what Cloudinary says of an asset to its row of the library, in whichever order it comes.
--
-- A change is {"asset_id", "at" (µs since 1970), "said": {what: value}}. Of each `what` the newest value is kept, a tag and an entry
-- of the context by themselves: upload, name, was (its name as it was deleted or renamed), folder, display_name, metadata, gone,
-- "tag:…", "context:…"; of a change with "whole", those that it does not say are gone. `hear` merges it and then brings the row in line with
-- all that is known. A row belongs to its asset for good; of two assets that had one name, the later one has it. No row is deleted.

-- Whether there is a library that is ours: attached, with the columns that `--with-library` and `--take-over` give it.
CREATE OR REPLACE FUNCTION mediasweep.has_library() RETURNS boolean
LANGUAGE sql STABLE
AS $$
  SELECT EXISTS (
    SELECT FROM mediasweep.attached a
     WHERE a.relation = to_regclass('public.media_assets') AND a.detached_at IS NULL
       AND a.options @> '{"public_id": "cloudinary_public_id", "asset_id": "cloudinary_asset_id",
                          "resource_type": "resource_type", "delivery_type": "delivery_type"}'
       AND 'deleted_at' IN (a.options ->> 'deleted', a.options ->> 'deleted_at'))
$$;

-- When something was said: microseconds since 1970, as a moment.
CREATE OR REPLACE FUNCTION mediasweep.moment(said jsonb) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT timestamptz 'epoch' + (said ->> 0)::bigint * interval '1 microsecond' $$;

-- Of two lists of what was said, the newest of each; at the same microsecond the greater value, whichever came first.
CREATE OR REPLACE FUNCTION mediasweep.newest(one jsonb, another jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT coalesce(jsonb_object_agg(what, greatest(one -> what, another -> what)), '{}')
    FROM (SELECT jsonb_object_keys(one) UNION SELECT jsonb_object_keys(another)) k (what)
$$;

-- The tags and entries of the context that an asset was heard to have, said to be gone by a change that says all there is.
CREATE OR REPLACE FUNCTION mediasweep.gone_by(change jsonb) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(jsonb_object_agg(k.what, CASE WHEN starts_with(k.what, 'tag:') THEN 'false'::jsonb ELSE 'null' END), '{}')
    FROM mediasweep.asset a CROSS JOIN LATERAL jsonb_object_keys(a.said) k (what)
   WHERE a.asset_id = change ->> 'asset_id' AND change @> '{"whole": true}' AND k.what ~ '^(tag|context):'
$$;

CREATE OR REPLACE FUNCTION mediasweep.hear(change jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  id      text := change ->> 'asset_id';
  new     jsonb := (SELECT coalesce(jsonb_object_agg(s.key, jsonb_build_array(change -> 'at', s.value)), '{}')
                      FROM jsonb_each(mediasweep.gone_by(change) || (change -> 'said')) s);
  known   mediasweep.asset;
  holder  jsonb;
  name    jsonb := new -> 'name' -> 1;
BEGIN
  INSERT INTO mediasweep.asset AS a (asset_id, said) VALUES (id, new)
      ON CONFLICT (asset_id) DO UPDATE SET said = mediasweep.newest(a.said, new), heard_at = clock_timestamp()
  RETURNING a.* INTO known;
  IF name IS NOT NULL THEN
    INSERT INTO mediasweep.asset_name AS n (public_id, resource_type, delivery_type, holder)
    VALUES (name ->> 'public_id', name ->> 'resource_type', name ->> 'type', jsonb_build_array(change -> 'at', id))
        ON CONFLICT (public_id, resource_type, delivery_type)
        DO UPDATE SET holder = greatest(n.holder, excluded.holder), heard_at = clock_timestamp()
    RETURNING n.holder INTO holder;
    -- whoever had the name before is not there, also if this asset has gone on to another one by now
    PERFORM mediasweep.make_way(NULL, id, name, mediasweep.moment(holder)) WHERE holder ->> 1 = id;
  END IF;
  PERFORM mediasweep.list(known);
END $$;

-- Bring the row of an asset in line. Not there: since when it is gone, or another asset has its name.
CREATE OR REPLACE FUNCTION mediasweep.list(known mediasweep.asset) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  uploaded   timestamptz := mediasweep.moment(known.said -> 'upload');
  file       bigint := known.said #>> '{upload,1,version}';
  name       jsonb := known.said -> 'name' -> 1;
  not_there  timestamptz := mediasweep.not_there_since(known);
  row_       record;
BEGIN
  SELECT r.id, r.deleted_at, r.cloudinary_version INTO row_ FROM public.media_assets r
   WHERE r.cloudinary_asset_id = known.asset_id
   ORDER BY r.deleted_at IS NULL DESC, r.created_at DESC LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN   -- one that names it by its name alone is its row from now on, unless it was made for a later file
    SELECT r.id, r.deleted_at, r.cloudinary_version INTO row_
      FROM (SELECT name, NULL::timestamptz WHERE not_there IS NULL
             UNION ALL SELECT known.said -> 'was' -> 1, mediasweep.moment(known.said -> 'was')) called (name, until)
      JOIN public.media_assets r ON r.cloudinary_public_id = called.name ->> 'public_id' AND r.resource_type = called.name ->> 'resource_type'
                                AND r.delivery_type = called.name ->> 'type'
     WHERE r.deleted_at IS NULL AND r.cloudinary_asset_id IS NULL
       AND coalesce(r.cloudinary_version <= file, true)
       AND coalesce(coalesce(r.cloudinary_created_at, r.created_at) <= called.until, true)
     LIMIT 1 FOR UPDATE OF r;
  END IF;
  IF row_.id IS NULL AND (not_there IS NOT NULL OR uploaded IS NULL OR name IS NULL OR uploaded <= known.listed_at
                          OR mediasweep.was_let_go(known.asset_id, name, uploaded, file)) THEN
    RETURN;
  END IF;
  UPDATE mediasweep.asset a SET listed_at = uploaded WHERE a.asset_id = known.asset_id AND a.listed_at IS DISTINCT FROM uploaded;
  IF not_there IS NOT NULL THEN
    PERFORM mediasweep.hide(row_.id, known.asset_id, not_there) WHERE row_.deleted_at IS NULL;
  -- a row that the application has deleted comes back for a later upload only, and that of its own file may be told later than it was made
  ELSIF row_.deleted_at IS NULL OR row_.deleted_at = known.hidden_at
        OR row_.deleted_at < uploaded AND (file <= row_.cloudinary_version) IS NOT TRUE THEN
    IF mediasweep.make_way(row_.id, known.asset_id, name, mediasweep.moment(known.said -> 'name')) THEN
      PERFORM mediasweep.write_row(row_.id, known, coalesce(row_.cloudinary_version, 0));
    END IF;
  END IF;
END $$;

-- Since when an asset is gone, or its name another one's; NULL: it is there. Whatever is said of an asset later than that it is gone,
-- it must have been brought back.
CREATE OR REPLACE FUNCTION mediasweep.not_there_since(known mediasweep.asset) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN (known.said #>> '{gone,0}')::bigint >= ALL (SELECT (s.value ->> 0)::bigint FROM jsonb_each(known.said) s WHERE s.key <> 'was')
                THEN mediasweep.moment(known.said -> 'gone')
              ELSE (SELECT mediasweep.moment(n.holder) FROM mediasweep.asset_name n
                     WHERE n.public_id = named.as ->> 'public_id' AND n.resource_type = named.as ->> 'resource_type'
                       AND n.delivery_type = named.as ->> 'type' AND n.holder ->> 1 <> known.asset_id) END
    FROM (SELECT known.said -> 'name' -> 1) named ("as")
$$;

-- Whether somebody let go of the asset after this upload, or of this very file: then its row is not made anew, or the deletion would be lost.
-- What is queued before an upload, for the case that it is broken off, does not count.
DROP FUNCTION IF EXISTS mediasweep.was_let_go(text, jsonb, timestamptz);
CREATE OR REPLACE FUNCTION mediasweep.was_let_go(asset text, name jsonb, uploaded timestamptz, file bigint) RETURNS boolean
LANGUAGE sql STABLE
AS $$
  SELECT EXISTS (
    SELECT FROM (
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.asset_id, 0) = hashtextextended(asset, 0) AND q.asset_id = asset AND q.processed_at IS NULL
       UNION ALL
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.asset_id, 0) = hashtextextended(asset, 0) AND q.asset_id = asset AND q.processed_at IS NOT NULL
       UNION ALL
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.cloudinary_public_id, 0) = hashtextextended(name ->> 'public_id', 0)
         AND q.cloudinary_public_id = name ->> 'public_id' AND q.processed_at IS NULL
       UNION ALL
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.cloudinary_public_id, 0) = hashtextextended(name ->> 'public_id', 0)
         AND q.cloudinary_public_id = name ->> 'public_id' AND q.processed_at IS NOT NULL) q
     -- a row that knew an older file has not let go of this one, which is kept (told.sql)
     WHERE (q.queued_at >= uploaded OR q.version >= file) AND (file > mediasweep.lets_go_up_to(q)) IS NOT TRUE
       AND q.trigger_source <> 'upload'
       AND (q.asset_id = asset OR q.asset_id IS NULL
            AND (q.resource_type = name ->> 'resource_type') IS NOT FALSE AND (q.delivery_type = name ->> 'type') IS NOT FALSE))
$$;

-- Say in a row that its asset is gone, and remember that it was said here.
CREATE OR REPLACE FUNCTION mediasweep.hide(row_id uuid, asset text, since timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE public.media_assets r
     SET deleted_at = since, cloudinary_asset_id = asset, updated_at = clock_timestamp(), last_synced_at = clock_timestamp()
   WHERE r.id = row_id;
  INSERT INTO mediasweep.asset AS a (asset_id, hidden_at) VALUES (asset, since)
      ON CONFLICT (asset_id) DO UPDATE SET hidden_at = excluded.hidden_at;
END $$;

-- Let no other live row have this name: the asset that had it before was overwritten, or renamed and we have not heard of it yet.
-- False where a row stands that was made for a later file, of which nothing was heard yet.
CREATE OR REPLACE FUNCTION mediasweep.make_way(row_id uuid, asset text, name jsonb, named timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  other  record;
BEGIN
  SELECT r.id, r.cloudinary_asset_id,
         r.cloudinary_asset_id IS NULL
         OR coalesce(r.cloudinary_created_at, r.created_at) > named
            AND NOT EXISTS (SELECT FROM mediasweep.asset a WHERE a.asset_id = r.cloudinary_asset_id) AS later
    INTO other FROM public.media_assets r
   WHERE r.cloudinary_public_id = name ->> 'public_id' AND r.resource_type = name ->> 'resource_type' AND r.delivery_type = name ->> 'type'
     AND r.deleted_at IS NULL AND r.cloudinary_asset_id IS DISTINCT FROM asset AND r.id IS DISTINCT FROM row_id
     FOR UPDATE;
  IF FOUND AND NOT other.later THEN
    PERFORM mediasweep.hide(other.id, other.cloudinary_asset_id, named);
  END IF;
  RETURN NOT coalesce(other.later, false);
END $$;

-- Write what is known into the row of an asset, or into a new one. What nobody has said is left as it is, and so is the file
-- if the row knows a later one.
CREATE OR REPLACE FUNCTION mediasweep.write_row(row_id uuid, known mediasweep.asset, version bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  said  jsonb := mediasweep.columns_said(known)
                 || CASE WHEN (known.said #>> '{upload,1,version}')::bigint >= version THEN mediasweep.columns_of_file(known.said) ELSE '{}' END;
BEGIN
  IF row_id IS NULL THEN
    INSERT INTO public.media_assets
      (cloudinary_public_id, resource_type, delivery_type, cloudinary_asset_id, cloudinary_version, cloudinary_signature, cloudinary_etag,
       original_filename, display_name, file_size, mime_type, format, width, height, duration, folder, tags, description, alt_text,
       secure_url, url, access_mode, cloudinary_created_at, last_synced_at)
    SELECT n.cloudinary_public_id, n.resource_type, n.delivery_type, n.cloudinary_asset_id, n.cloudinary_version, n.cloudinary_signature, n.cloudinary_etag,
           n.original_filename, n.display_name, n.file_size, n.mime_type, n.format, n.width, n.height, n.duration, n.folder,
           mediasweep.tags_said(known.said, '{}'), n.description, n.alt_text, n.secure_url, n.url, n.access_mode, n.cloudinary_created_at, clock_timestamp()
      FROM jsonb_populate_record(NULL::public.media_assets, said) n;
    RETURN;
  END IF;
  UPDATE public.media_assets r
     SET cloudinary_public_id = n.cloudinary_public_id, resource_type = n.resource_type, delivery_type = n.delivery_type,
         cloudinary_asset_id = n.cloudinary_asset_id, cloudinary_version = n.cloudinary_version,
         cloudinary_signature = n.cloudinary_signature, cloudinary_etag = n.cloudinary_etag, original_filename = n.original_filename,
         display_name = n.display_name, file_size = n.file_size, mime_type = n.mime_type, format = n.format, width = n.width,
         height = n.height, duration = n.duration, folder = n.folder, tags = n.tags, description = n.description, alt_text = n.alt_text,
         secure_url = n.secure_url, url = n.url, access_mode = n.access_mode, cloudinary_created_at = n.cloudinary_created_at,
         deleted_at = NULL, updated_at = clock_timestamp(), last_synced_at = clock_timestamp(), sync_status = 'synced', sync_error_message = NULL
    FROM (SELECT m.*
            FROM public.media_assets o
           CROSS JOIN LATERAL jsonb_populate_record(o, said
             || jsonb_build_object('tags', mediasweep.tags_said(known.said, o.tags), 'deleted_at', NULL)
             || jsonb_strip_nulls(jsonb_build_object('original_filename', o.original_filename))) m
           WHERE o.id = row_id) n
   WHERE r.id = n.id AND to_jsonb(r) <> to_jsonb(n);
END $$;

-- The columns that tell what an asset is called, where it is, and what is said of it.
CREATE OR REPLACE FUNCTION mediasweep.columns_said(known mediasweep.asset) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
           'cloudinary_asset_id', known.asset_id,
           'cloudinary_public_id', s.name ->> 'public_id', 'resource_type', s.name ->> 'resource_type', 'delivery_type', s.name ->> 'type',
           'folder', left(known.said -> 'folder' ->> 1, 500), 'display_name', left(known.said -> 'display_name' ->> 1, 500),
           'url', mediasweep.respelled(s.file ->> 'url', s.file ->> 'public_id', s.name ->> 'public_id'),
           'secure_url', mediasweep.respelled(s.file ->> 'secure_url', s.file ->> 'public_id', s.name ->> 'public_id')))
         || CASE WHEN known.said ? 'context:alt' THEN jsonb_build_object('alt_text', left(mediasweep.still(known.said, 'context:alt') #>> '{}', 500)) ELSE '{}' END
         || CASE WHEN known.said ? 'context:caption' THEN jsonb_build_object('description', mediasweep.still(known.said, 'context:caption') #>> '{}') ELSE '{}' END
    FROM (SELECT known.said -> 'name' -> 1, known.said -> 'upload' -> 1) s (name, file)
$$;

-- The columns that tell what the file is.
CREATE OR REPLACE FUNCTION mediasweep.columns_of_file(said jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
           'cloudinary_version', f.file -> 'version', 'cloudinary_signature', f.file -> 'signature', 'cloudinary_etag', f.file -> 'etag',
           'original_filename', left(f.file ->> 'original_filename', 500), 'file_size', f.file -> 'bytes', 'mime_type', f.file -> 'mime_type',
           'width', f.file -> 'width', 'height', f.file -> 'height', 'duration', f.file -> 'duration',
           'access_mode', f.file -> 'access_mode', 'cloudinary_created_at', f.file -> 'created_at'))
         || jsonb_build_object('format', f.file -> 'format')
    FROM (SELECT said -> 'upload' -> 1) f (file)
$$;

-- What a tag or an entry of the context is now: an upload begins anew, so what was said before it holds no more.
CREATE OR REPLACE FUNCTION mediasweep.still(said jsonb, what text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE   -- else a comparison, which asks it, works alone
AS $$
  SELECT CASE WHEN (said -> what ->> 0)::bigint >= coalesce((said #>> '{upload,0}')::bigint, 0) THEN said -> what -> 1 END
$$;

-- The tags of a row: those that Cloudinary has, and those that it was never heard to have.
CREATE OR REPLACE FUNCTION mediasweep.tags_said(said jsonb, there text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN heard.any_ THEN ARRAY(
           SELECT t.tag FROM unnest(there) t (tag) WHERE NOT said ? ('tag:' || t.tag)
            UNION
           SELECT substr(k.what, 5) FROM jsonb_object_keys(said) k (what)
            WHERE starts_with(k.what, 'tag:') AND mediasweep.still(said, k.what) = 'true'
            ORDER BY 1) ELSE there END
    FROM (SELECT EXISTS (SELECT FROM jsonb_object_keys(said) k (what) WHERE starts_with(k.what, 'tag:'))) heard (any_)
$$;

-- An address with another public id at its end.
CREATE OR REPLACE FUNCTION mediasweep.respelled(address text, was text, called text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN was = called OR s.at = 0 THEN address
              ELSE left(address, -(s.at + length(s.old) - 1)) || '/' || mediasweep.as_in_an_address(called) || right(address, s.at - 1) END
    FROM (SELECT o.old, strpos(reverse(address), reverse(o.old))
            FROM (SELECT '/' || mediasweep.as_in_an_address(was)) o (old)) s (old, at)
$$;

CREATE OR REPLACE FUNCTION mediasweep.as_in_an_address(public_id text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT string_agg(CASE WHEN c.one ~ '[A-Za-z0-9_.~/:-]' THEN c.one
                         ELSE upper(regexp_replace(encode(convert_to(c.one, 'UTF8'), 'hex'), '(..)', '%\1', 'g')) END, '' ORDER BY c.n)
    FROM regexp_split_to_table(public_id, '') WITH ORDINALITY c (one, n)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
