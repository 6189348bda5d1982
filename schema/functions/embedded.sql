-- URLs that stand inside a text: HTML, Markdown, CSS, a srcset, a list, a URL that is a part of another one. Where one begins can
-- be told, and where it ends cannot: so all of them keep what they may mean, and none lets go of anything.

-- Whether a text is one URL and nothing else, or none at all.
CREATE OR REPLACE FUNCTION mediasweep.stands_alone(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT said ~* '^\s*(?:(?:https?:)?//)?[a-z0-9._-]+(?::[0-9]+)?/[^[:space:]"''<>\\`]*\s*$'
     AND said !~* '[^:/]/.*(?:https?(?::|%3a)|[,;|]//|cloudinary[.]com)'
$$;

-- Patterns of which a URL fits one if it means one of these ids: runs of characters that look the same however they are written, in their order;
-- or an encoding, which may hide them.
CREATE OR REPLACE FUNCTION mediasweep.traces(ids text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT array_append(array_agg('%' || replace(regexp_replace(w.id, '[^A-Za-z0-9_~-]+', '%', 'g'), '_', '\_') || '%'), '%\%%') FROM unnest(ids) w (id)
$$;

-- The texts that may be URLs of Cloudinary or of these hosts, each from where it begins to where it may end. `wanted`: only those
-- that can mean one of these public ids (`traces`); NULL: all. Slashes are read as
-- JSON, HTML and query strings write them too. What ends a URL for sure are blanks and quotes; what may be its end, or a part of
-- it, are brackets, commas and the like. So long is no URL that what comes after 4000 characters would belong to it.
CREATE OR REPLACE FUNCTION mediasweep.embedded(said text, hosts text[], wanted text[]) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT DISTINCT string_agg(bit.said[1], '') OVER (PARTITION BY url.n ORDER BY bit.n)
    FROM string_to_table(regexp_replace(
           replace(regexp_replace(embedded.said, '\\/|%2f|&#(?:47|x2f);', '/', 'gi'), '&amp;', '&'),
           format('(^|//|[^a-z0-9._/@-])((?:[a-z0-9_-]+[.])*(?:cloudinary[.]com|cloudinary-a[.]akamaihd[.]net%s)(?::[0-9]+)?/)',
                  (SELECT string_agg('|' || regexp_replace(h, '([^[:alnum:]])', '\\\1', 'g'), '') FROM unnest(hosts) h)),
           E'\\1\n\\2', 'gi'), E'\n') WITH ORDINALITY AS url (said, n)
   CROSS JOIN LATERAL regexp_matches(left(substring(url.said FROM '^[^[:space:]"''<>\\`]+'), 4000), '[][(){},;|&!*=]+|[^][(){},;|&!*=]+', 'g')
              WITH ORDINALITY AS bit (said, n)
   WHERE url.n > 1
     AND (wanted IS NULL OR url.said LIKE ANY ((SELECT mediasweep.traces(wanted))::text[]))
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
