-- What a table is called when we speak of it.

-- With its schema, unless that is `public`; whatever the search path is, for the functions that speak have one of their own.
-- One that is gone has its number.
CREATE OR REPLACE FUNCTION mediasweep.name_of(relation regclass) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT coalesce((SELECT quote_ident(c.relname) FROM pg_class c
                    WHERE c.oid = relation AND c.relnamespace = to_regnamespace('public')), relation::text)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
