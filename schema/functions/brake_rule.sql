-- How much of a source may be let go of at once, and how a table may have it otherwise.

-- What is too much of a source: more than `most` rows within `span`; `said` is where the figure comes from.
-- What is known of a table is the planner's estimate: right after much was deleted it may be low, which is stricter.
CREATE OR REPLACE FUNCTION mediasweep.brake_rule(
  source integer, terms jsonb, OUT name text, OUT most bigint, OUT span interval, OUT said text)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  a       record;
  floor_  bigint;
  share   float8;
  assets  float8;
BEGIN
  SELECT t.relation, t.brake, c.reltuples AS assets INTO a
    FROM mediasweep.attached t LEFT JOIN pg_class c ON c.oid = t.relation AND c.relkind = 'r' WHERE t.id = source;
  name := mediasweep.source_name(source);
  floor_ := coalesce(a.brake ->> 'floor', terms ->> 'brake_floor', '1000');
  share := coalesce(a.brake ->> 'share', terms ->> 'brake_share', '0.05');
  span := coalesce(a.brake ->> 'window', terms ->> 'brake_window', '10 min');
  assets := a.assets;
  IF assets IS NULL THEN   -- no table, or one of many parts
    SELECT coalesce(sum(greatest(c.reltuples, 0)), 0) INTO assets
      FROM (SELECT a.relation::oid AS id UNION SELECT t.relid FROM pg_partition_tree(a.relation) t) part
      JOIN pg_class c ON c.oid = part.id AND c.relkind <> 'p';
  END IF;
  most := least(greatest(floor_, share * assets), 1e9);   -- below zero: nothing is known of it yet
  said := CASE WHEN most > floor_ THEN format('%s %% of about %s rows', trim_scale((100 * share)::numeric), mediasweep.number(assets::numeric))
               ELSE format('the floor of %s', mediasweep.counted(floor_, 'row')) END;
END $$;

-- The options that a table may have of its own. There is none that switches the brake off.
CREATE OR REPLACE FUNCTION mediasweep.brake_options(given jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  span  interval;
BEGIN
  IF given IS NULL THEN
    RETURN '{}';
  ELSIF jsonb_typeof(given) <> 'object' OR given - '{floor,share,window}'::text[] <> '{}' THEN
    RAISE EXCEPTION 'mediasweep.attach: "brake" is an object with floor, share or window, as in {"floor": 100000}, not %', given
      USING HINT = 'Nothing switches the brake off.';
  END IF;
  BEGIN
    span := given ->> 'window';
    IF (given ? 'floor' AND (jsonb_typeof(given -> 'floor') = 'number' AND (given ->> 'floor')::bigint BETWEEN 1 AND 10000000) IS NOT TRUE)
       OR (given ? 'share' AND (jsonb_typeof(given -> 'share') = 'number' AND (given ->> 'share')::float8 BETWEEN 0 AND 1) IS NOT TRUE)
       OR (given ? 'window' AND (span BETWEEN interval '1 minute' AND interval '30 days') IS NOT TRUE)
    THEN
      RAISE data_exception;
    END IF;
  EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'mediasweep.attach: "brake" cannot be %', given
      USING HINT = 'floor: 1 to 10000000 rows; share: 0 to 1; window: an interval of 1 minute to 30 days.';
  END;
  RETURN given;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
