-- What a Cloudinary delivery URL says about its asset.
--
-- A URL can often be read in more than one way: `t_shirts/a.jpg` may be the asset `a` under a named transformation, or an
-- asset in a folder `t_shirts`. `readings` yields every public id that may be meant, for the guard; at most one of them is
-- `certain`, for capture. A URL of anything but an uploaded asset (fetched, a sprite, another host) has no reading.

-- Text without its percent-encoding; NULL where that is no text.
CREATE OR REPLACE FUNCTION mediasweep.unescaped(said text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
  IF position('%' IN said) = 0 THEN
    RETURN said;
  END IF;
  RETURN (SELECT convert_from(string_agg(CASE WHEN m.piece[1] ~ '^%..' THEN decode(substr(m.piece[1], 2), 'hex')
                                              ELSE convert_to(m.piece[1], 'UTF8') END, '' ORDER BY m.n), 'UTF8')
            FROM regexp_matches(said, '%[0-9A-Fa-f]{2}|[^%]+|%', 'g') WITH ORDINALITY AS m (piece, n));
EXCEPTION WHEN data_exception OR untranslatable_character THEN
  RETURN NULL;
END $$;

-- Host and the parts of the path, without query and fragment; `cloud` is NULL where a host of one's own does not name it.
CREATE OR REPLACE FUNCTION mediasweep.url_parts(url text, hosts text[], OUT cloud text, OUT parts text[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
  found_  text[] := regexp_match(url, '^\s*(?:https?:)?(?://)?([^/@?#]+?)(?::[0-9]+)?/([^?#]+)', 'i');
  host    text := lower(found_[1]);
BEGIN
  IF found_ IS NULL OR NOT (host LIKE '%.cloudinary.com' OR host = 'cloudinary-a.akamaihd.net' OR host = ANY (hosts)) THEN
    RETURN;
  END IF;
  parts := array_remove(string_to_array(btrim(found_[2]), '/'), '');
  IF host = ANY (hosts) THEN
    -- a host of one's own may be that of a whole account, or of one cloud
    IF parts[2] ~ '^(image|video|raw|images|videos|files|private_images|authenticated_images|iu)$'
       AND parts[1] !~ '^(image|video|raw|images|videos|files|private_images|authenticated_images|iu)$'
    THEN
      cloud := parts[1];
      parts := parts[2:];
    END IF;
  ELSIF host ~ '^(a[0-9]+[.])?res(-[0-9]+)?[.]cloudinary[.]com$' OR host = 'cloudinary-a.akamaihd.net' THEN
    cloud := mediasweep.unescaped(parts[1]);
    parts := parts[2:];
  ELSE
    cloud := substring(host FROM '^([a-z0-9_-]+)-res(?:-[0-9]+)?[.]cloudinary[.]com$');
    IF cloud IS NULL THEN
      parts := NULL;
    END IF;
  END IF;
END $$;

-- Of the first parts of a path, which are transformations and version: where the public id may begin, and where it does.
-- `sure` is 0 where nobody can tell. After a version nothing but the public id follows.
CREATE OR REPLACE FUNCTION mediasweep.url_starts(parts text[], OUT starts integer[], OUT sure integer, OUT version bigint)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
  -- a part that can hardly be a folder: what images are resized by, or several at once
  plain   constant text := '^((w|h)_(auto|[0-9]{2,5})|c_(scale|fit|limit|mfit|fill|lfill|fill_pad|pad|lpad|mpad|crop|thumb|auto|auto_pad)'
    '|q_(auto(:[a-z]+)?|[0-9]{2,3})|f_(auto(:[a-z]+)?|jpg|png|webp|avif|gif|mp4|webm)|dpr_(auto|[0-9][.][0-9])|ar_[0-9]+:[0-9]+'
    '|g_(auto|face|faces|center)|sp_auto|fl_(attachment|progressive|lossy)(:[^,]*)?|[a-z]{1,3}_[^,]+(,[a-z]{1,3}_[^,]+)+)$';
  known   constant text := '^(\$[A-Za-z]|(a|ac|af|ar|b|bl|bo|br|c|co|cs|d|dl|dn|dpr|du|e|eo|f|fl|fn|fps|g|h|if|ki|l|o|p|pg|q|r|so|sp'
    '|t|u|vc|vs|w|x|y|z)_)';
  at      integer := 1;
  known_  boolean := true;
  number_ text;
BEGIN
  IF parts[1] ~ '^s--[A-Za-z0-9_-]{8,32}--$' AND cardinality(parts) > 1 THEN
    at := 2;
  END IF;
  starts := ARRAY[at];
  sure := at;
  WHILE at < cardinality(parts) LOOP
    number_ := substring(parts[at] FROM '^v([0-9]{1,18})$');
    IF number_ IS NOT NULL THEN
      version := number_;
      -- a version that is no time of day may be a folder
      IF length(number_) > 8 THEN
        starts := ARRAY[at + 1];
        sure := at + 1;
      ELSE
        starts := starts || (at + 1);
        sure := CASE WHEN number_ = '1' THEN at + 1 ELSE 0 END;
      END IF;
      RETURN;
    END IF;
    EXIT WHEN parts[at] !~ '^(\$[A-Za-z]|[a-z]{1,3}_)';
    starts := starts || (at + 1);
    known_ := known_ AND parts[at] ~ known;
    IF parts[at] ~ plain THEN
      sure := at + 1;
    ELSIF known_ THEN
      sure := 0;
    END IF;
    at := at + 1;
  END LOOP;
  -- a version behind what looks like a folder: perhaps a transformation that is not known here
  FOR later IN at + 1 .. cardinality(parts) - 1 LOOP
    IF parts[later] ~ '^v[0-9]{9,18}$' THEN
      starts := starts || (later + 1);
      sure := 0;
    END IF;
  END LOOP;
END $$;

-- A URL as Cloudinary itself writes it, which is what most columns hold: one look tells its parts, and there is nothing to guess.
CREATE OR REPLACE FUNCTION mediasweep.usual_url() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT '^https?://res[.]cloudinary[.]com/[^/?#%]+/(?:image|video|raw)/(?:upload|private|authenticated)/v[0-9]{9,18}'
         '/(?:[^][:space:]?#%"''<>\\`:,;|()[]*[^][:space:]/?#%"''<>\\`:,;|()[])[.](?:jpg|jpeg|png|gif|webp|avif|svg|pdf|mp4|webm)$'
$$;

-- Every public id of the asset that one URL may deliver. For image and video what follows the last dot is a format and no part of the id,
-- as far as Cloudinary knows the format; a raw file keeps it.
CREATE OR REPLACE FUNCTION mediasweep.delivered(
  url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text,
  OUT certain boolean)
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
  formats  constant text := '^(.*[^/])[.](jpe?g|jpe|jp2|jxr?|jxl|png|apng|a?gif|webp|avif|hei[cf]|bmp|tiff?|tga|ico|svg|pdf|psd|ai|eps|ps|eps3|ept'
    '|djvu|arw|cr[23]|dng|indd|flif|wdp|hdp|fbx|glt[fb]|glb|obj|usdz|ply|3ds|u3ma|webm|mp4|mov|m4v|mkv|avi|og[vga]|wmv|wma|flv|mpe?g|ts|m2ts'
    '|mts|3gp|3g2|mxf|m3u8|mpd|mp3|wav|aac|m4a|flac|opus|aiff?|amr|mid)$';
  address  record;
  where_   record;
  parts    text[];
  suffix   boolean;
  root     boolean := false;
  id       text;
  start    integer;
  bare     text;
BEGIN
  address := mediasweep.url_parts(url, hosts);
  IF address.parts IS NULL THEN
    RETURN;
  END IF;
  parts := address.parts;
  cloud := address.cloud;
  suffix := parts[1] IN ('images', 'videos', 'files', 'private_images', 'authenticated_images');
  IF suffix THEN
    resource_type := CASE parts[1] WHEN 'videos' THEN 'video' WHEN 'files' THEN 'raw' ELSE 'image' END;
    delivery_type := CASE parts[1] WHEN 'private_images' THEN 'private' WHEN 'authenticated_images' THEN 'authenticated'
                                   ELSE 'upload' END;
    parts := parts[2:cardinality(parts) - 1];   -- the last part is for search engines
  ELSIF parts[1] = 'iu' THEN
    resource_type := 'image';
    delivery_type := 'upload';
    parts := parts[2:];
  ELSIF parts[1] IN ('image', 'video', 'raw') THEN
    resource_type := parts[1];
    delivery_type := mediasweep.delivery_type(parts[2]);
    parts := parts[3:];
  ELSE
    root := true;
    resource_type := 'image';
    delivery_type := 'upload';
  END IF;
  IF delivery_type IS NULL OR cardinality(parts) = 0 THEN
    RETURN;
  END IF;
  where_ := mediasweep.url_starts(parts);
  version := where_.version;
  FOREACH start IN ARRAY where_.starts LOOP
    id := array_to_string(parts[start:], '/');
    certain := start = where_.sure AND mediasweep.unescaped(id) IS NOT NULL AND (version IS NOT NULL OR NOT root);
    public_id := coalesce(mediasweep.unescaped(id), id);
    IF suffix OR resource_type = 'raw' THEN
      RETURN NEXT;
      CONTINUE;
    END IF;
    id := public_id;
    bare := substring(id FROM '^(.*[^/])[.][^./]*$');
    certain := certain AND (bare IS NULL OR lower(id) ~ formats);
    public_id := coalesce(bare, id);
    RETURN NEXT;
    IF bare IS NOT NULL THEN
      certain := false;
      public_id := id;
      RETURN NEXT;
    END IF;
  END LOOP;
END $$;

-- Every public id that one URL may mean: what it delivers, and what it uses beside that (layer.sql), of any type.
CREATE OR REPLACE FUNCTION mediasweep.url_readings(
  url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text,
  OUT certain boolean)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT d.* FROM mediasweep.delivered(url, hosts) d
   UNION ALL
  SELECT l.public_id, NULL, NULL, NULL, l.cloud, false FROM mediasweep.layers(url, hosts) l
$$;

-- Whether a text is itself a file, which may be megabytes: the first letters are enough. Written out as text, it may have URLs in it.
CREATE OR REPLACE FUNCTION mediasweep.is_a_file(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT left(said, 100) ~ '^\s*data:[^,]*;base64,' AND strpos(substr(said, strpos(said, ',')), ':') = 0 $$;

-- Whether a text is read as one URL: as long as one may be, and nothing else. Only then may a reading of it be certain.
CREATE OR REPLACE FUNCTION mediasweep.is_one_url(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT length(said) <= 4000 AND mediasweep.stands_alone(said) $$;

-- Every public id that a text may mean: a URL, or what has URLs in it, of which none is certain. `wanted`: of the latter only those that
-- can mean one of these ids, because a text may have thousands; '{}': none of them, where only what is certain counts; NULL: all.
CREATE OR REPLACE FUNCTION mediasweep.wanted_readings(
  url text, hosts text[], wanted text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text,
  OUT certain boolean)
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
  parts    text[];
  alone    boolean;
BEGIN
  IF mediasweep.is_a_file(url) THEN
    RETURN;
  ELSIF url ~ mediasweep.usual_url() THEN
    parts := string_to_array(url, '/');
    cloud := parts[4];
    resource_type := parts[5];
    delivery_type := parts[6];
    version := substr(parts[7], 2);
    public_id := array_to_string(array_remove(parts[8:], ''), '/');
    certain := resource_type = 'raw';
    RETURN NEXT;
    IF NOT certain THEN
      certain := true;
      public_id := left(public_id, -strpos(reverse(public_id), '.'));
      RETURN NEXT;
    END IF;
    RETURN;
  END IF;
  alone := mediasweep.is_one_url(url);
  IF length(url) <= 4000 THEN
    RETURN QUERY
      SELECT u.public_id, u.resource_type, u.delivery_type, u.version, u.cloud, u.certain AND alone FROM mediasweep.url_readings(url, hosts) u;
  END IF;
  IF NOT alone AND wanted IS DISTINCT FROM '{}' THEN
    RETURN QUERY
      SELECT DISTINCT u.public_id, u.resource_type, u.delivery_type, u.version, u.cloud, false
        FROM mediasweep.embedded(url, hosts, wanted) e CROSS JOIN LATERAL mediasweep.url_readings(e, hosts) u;
  END IF;
  IF url ~* 'public_?id' THEN
    RETURN QUERY SELECT a.name, NULL, NULL, NULL::bigint, NULL, false FROM mediasweep.asked_for(url) a (name);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.readings(
  url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text,
  OUT certain boolean)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT r.* FROM mediasweep.wanted_readings(url, hosts, NULL) r $$;
DROP FUNCTION IF EXISTS mediasweep.embedded(text, text[]);  -- which the `readings` of the release before called, for statements of users

-- The asset that a URL certainly means; no row where it means none, or where that cannot be told.
CREATE OR REPLACE FUNCTION mediasweep.from_url(
  url text, host text DEFAULT NULL, OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT u.public_id, u.resource_type, u.delivery_type, u.version
    FROM mediasweep.readings(url, ARRAY[lower(host)]) u WHERE u.certain
$$;

-- What of a URL, in text or in JSON, an index can find: runs of characters that look the same however they are encoded.
-- An encoding of what needs none has a token of its own, `~odd~`. Only functions of Postgres, so that the index of a
-- user's table needs nothing of ours.
CREATE OR REPLACE FUNCTION mediasweep.tokens_expression(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT format('regexp_split_to_array(regexp_replace(%s, %L, ''/~odd~/'', ''gi''), %L)', said,
    '%(2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])', '(?:%[0-9A-Fa-f]{2}|[^A-Za-z0-9_~-])+')
$$;

-- For each public id tokens of which any URL that uses it has one, also where it begins right behind the mark of a layer (layer.sql);
-- NULL if one of them has none. Of a font it is one before its format, which is joined to its size.
CREATE OR REPLACE FUNCTION mediasweep.tokens(public_ids text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN count(*) = 0 THEN '{}' WHEN bool_and(t.token IS NOT NULL) THEN array_agg(mark.said || t.token) || '~odd~'::text END
    FROM unnest(public_ids) AS given (id)
    LEFT JOIN LATERAL (
      SELECT m[1] AS token FROM regexp_matches(regexp_replace(given.id, '(.)[.](?:ttf|otf|woff2?)$', '\1'), '[A-Za-z0-9_~-]+', 'g') m
       ORDER BY length(m[1]) DESC LIMIT 1) t
      ON position('%' IN given.id) = 0
    -- where the text around it is encoded twice, %252F, the digits of what stands before it are joined to it
    LEFT JOIN LATERAL (
      SELECT unnest('{"",l_,u_,d_}'::text[]) WHERE starts_with(given.id, t.token) UNION SELECT ''
       UNION SELECT unnest(ARRAY[upper(h.x), lower(h.x)])
        FROM (SELECT right(encode(convert_to(left(given.id, strpos(given.id, t.token) - 1), 'UTF8'), 'hex'), 2) AS x) h WHERE h.x <> '') mark (said) ON true
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
