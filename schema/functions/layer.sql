-- The assets that an address uses beside the one that it delivers: the layers of a transformation, and what a page of Cloudinary's is asked
-- for by name. Nobody can tell where such a name ends, or what kind of an asset it is; so it keeps whatever it may mean, and is never
-- certain: what goes with the address is its own asset, and not the logo upon it.

-- What an id that is written with encoded letters may be: as it stands, and decoded once, and twice, as texts within URLs are.
CREATE OR REPLACE FUNCTION mediasweep.decodings(said text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT said UNION SELECT mediasweep.unescaped(said) UNION SELECT mediasweep.unescaped(mediasweep.unescaped(said))
$$;

-- The public ids that one part of a transformation may name: a layer (l_, u_), the image that stands in for a missing one (d_), a function of one's own
-- (fn_wasm:), a text in a variable. A colon stands for a slash. Of a text only its style or font is an asset.
CREATE OR REPLACE FUNCTION mediasweep.layer_names(component text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  WITH named AS (
    SELECT named.id
      FROM (SELECT substring(component FROM '^(?:[lud]|fn)_(.+)$')) layer (said)
     CROSS JOIN LATERAL (SELECT regexp_replace(layer.said, '^((image|video|raw|subtitles|lut|wasm):)?((upload|private|authenticated):)?', '')) bare (said)
     CROSS JOIN LATERAL unnest(CASE
       WHEN layer.said ~ '^(?:[a-z]+:)?(?:fetch|remote):' THEN '{}'
       WHEN layer.said ~ '^text:' THEN ARRAY[split_part(layer.said, ':', 2), substring(layer.said FROM '^text:(.+[.](?:ttf|otf|woff2?))_')]
       WHEN layer.said ~ '^subtitles:' THEN ARRAY[layer.said, bare.said, substring(bare.said FROM ':(.+)$')]   -- behind a style
       ELSE ARRAY[layer.said, bare.said] END) named (id)
     UNION
    SELECT text_[1] FROM regexp_matches(component, '!([^!]+)!', 'g') text_)
  SELECT DISTINCT id.name
    FROM named n
   CROSS JOIN LATERAL mediasweep.decodings(n.id) whole (id)
   CROSS JOIN LATERAL (SELECT replace(whole.id, ':', '/')) path (id)
   CROSS JOIN LATERAL (VALUES (path.id), (substring(path.id FROM '^(.*[^/])[.][^./]*$'))) id (name)
   WHERE id.name <> ''
$$;

-- What stands in the transformations of one URL, whatever it delivers: also where that is fetched from elsewhere.
CREATE OR REPLACE FUNCTION mediasweep.layers(url text, hosts text[], OUT public_id text, OUT cloud text) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
  address  record;
BEGIN
  IF url !~* '(?:[/,]|%2c)(?:[lud]_|fn_|\$|%24)' THEN
    RETURN;
  END IF;
  -- behind a version, or at the end, is the asset itself
  address := mediasweep.url_parts(coalesce(substring(url FROM '^(.+?)/v[0-9]{9,18}/'), substring(url FROM '^(.+)/')), hosts);
  RETURN QUERY
    SELECT DISTINCT n.name, address.cloud
      FROM unnest(address.parts) p (part)
     CROSS JOIN LATERAL regexp_split_to_table(p.part, ',|%2c', 'i') c (component)
     CROSS JOIN LATERAL mediasweep.layer_names(c.component) n (name)
     WHERE c.component ~ '^(?:[lud]_|fn_|\$|%24)';
END $$;

-- What a query asks for by name, as the player's page and the downloads of Cloudinary do; in HTML, in JSON and within another query, too.
CREATE OR REPLACE FUNCTION mediasweep.asked_for(said text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT DISTINCT id.name
    FROM regexp_matches(said, '(?:[?&;[]|%3f|%26|%5b|u0026)public_?ids?(?:\]|%5d)?(?:\[[0-9]*\]|%5b[0-9]*%5d)?(?:=|%3d)([^][:space:]&#"''<>\\`]+)', 'gi') m (value)
   CROSS JOIN LATERAL (VALUES (m.value[1]), (regexp_replace(m.value[1], '%26.*$', '')), (regexp_replace(m.value[1], '[]).,;:!?}]+$', ''))) cut (value)
   CROSS JOIN LATERAL (VALUES (cut.value), (replace(cut.value, '+', ' '))) plus (value)
   CROSS JOIN LATERAL mediasweep.decodings(plus.value) whole (id)
   CROSS JOIN LATERAL (VALUES (whole.id), (substring(whole.id FROM '^(.*[^/])[.][^./]*$'))) id (name)
   WHERE id.name <> ''
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
