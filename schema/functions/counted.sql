-- Numbers as people read them, as daemon/mediasweep/rules/number.py has them.

-- How many of something: 1 row, 1,500 rows.
CREATE OR REPLACE FUNCTION mediasweep.counted(n numeric, what text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT to_char(n, 'FM999,999,999,999,990') || ' ' || what || CASE WHEN n = 1 THEN '' ELSE 's' END $$;

CREATE OR REPLACE FUNCTION mediasweep.number(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT to_char(n, 'FM999,999,999,999,990') $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
