-- What attach says about a table: how many rows, which of them it cannot read, and the index that the guard would use.

-- The indexes that the guard could use and that are not there, as the statements that make them. One on a partitioned table is one
-- on its partitions, too; tables that inherit have their own.
CREATE OR REPLACE FUNCTION mediasweep.missing_indexes(a mediasweep.attached) RETURNS TABLE (statement text)
LANGUAGE sql STABLE
AS $$
  SELECT DISTINCT format('CREATE INDEX %sON %s %s;', CASE WHEN c.relkind = 'p' THEN '' ELSE 'CONCURRENTLY ' END, p.part, pre.index)
    FROM mediasweep.refs_of(a.options) ref
   CROSS JOIN mediasweep.parts(a.relation) p
   CROSS JOIN unnest('{public_id,asset_id}'::text[]) by
   CROSS JOIN mediasweep.prefilter(a.relation, ref, by) pre
   CROSS JOIN coalesce(mediasweep.column_of(ref -> by), mediasweep.column_of(ref -> 'public_id')) called
    JOIN pg_class c ON c.oid = p.part
    -- one that was renamed is for the guard to complain of
    JOIN pg_attribute t ON t.attrelid = p.part AND t.attname = called
   WHERE (p.part = a.relation OR NOT c.relispartition) AND pre.index IS NOT NULL AND (by = 'public_id' OR ref ? 'asset_id')
     AND NOT mediasweep.has_index(p.part, pre.index, called)
$$;

-- Whether there is an index that begins with the column, or has the expression.
CREATE OR REPLACE FUNCTION mediasweep.has_index(relation regclass, wanted text, called text) RETURNS boolean
LANGUAGE sql STABLE
AS $$
  SELECT EXISTS (
    SELECT FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_am m ON m.oid = c.relam
      LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = relation AND i.indisvalid
       AND CASE WHEN wanted LIKE 'USING gin (regexp%' THEN m.amname = 'gin' AND pg_get_indexdef(i.indexrelid) LIKE '%~odd~%'
                     AND position(quote_ident(called) IN pg_get_indexdef(i.indexrelid)) > 0
                WHEN wanted LIKE 'USING gin%' THEN m.amname = 'gin' AND a.attname = called
                WHEN wanted LIKE '((%' THEN pg_get_indexdef(i.indexrelid, 1, true) IN (format('(%I::text)', called), format('%I::text', called))
                ELSE m.amname IN ('btree', 'hash') AND a.attname = called END)
$$;

-- What the table holds: rows looked at, about how many there are, assets that those name, and what nobody can tell of them.
-- A large table is sampled: nobody waits for a count. `example`: of what nobody can tell; or, where rows name nothing at all, of
-- what they hold instead. `unserved`: the guard reads all of it, for no index could serve.
CREATE OR REPLACE FUNCTION mediasweep.holdings(a mediasweep.attached, OUT looked bigint, OUT whole boolean, OUT about bigint,
  OUT named bigint, OUT unread bigint, OUT example text, OUT unserved boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  most    constant integer := 10000;
  sample  text := format('(SELECT * FROM %s LIMIT %s)', a.relation, most);
BEGIN
  EXECUTE format('SELECT count(*) FROM %s r', sample) INTO looked;
  EXECUTE format('SELECT count(*) FROM (%s) ref', mediasweep.refs_query(a, sample, 'capture')) INTO named;
  EXECUTE format('SELECT count(*), left(min(unread.said), 200) FROM (%s) unread', mediasweep.unread_query(a, sample)) INTO unread, example;
  IF named = 0 AND unread = 0 THEN
    EXECUTE format('SELECT left(held.said, 200) FROM (SELECT concat_ws('', '', %s) AS said FROM %s r) held WHERE held.said <> '''' LIMIT 1',
      (SELECT string_agg(DISTINCT format('r.%I::text', mediasweep.column_of(ref -> 'public_id')), ', ') FROM mediasweep.refs_of(a.options) ref),
      sample) INTO example;
  END IF;
  SELECT sum(greatest(c.reltuples, 0)) INTO about FROM mediasweep.parts(a.relation) p JOIN pg_class c ON c.oid = p.part WHERE NOT p.branch;
  whole := looked < most;
  about := CASE WHEN whole THEN looked ELSE greatest(about, looked) END;
  unserved := EXISTS (SELECT FROM mediasweep.refs_of(a.options) ref CROSS JOIN mediasweep.prefilter(a.relation, ref, 'public_id') pre
                       WHERE pre.index IS NULL);
END $$;

-- Says it as NOTICEs.
CREATE OR REPLACE FUNCTION mediasweep.advise(a mediasweep.attached) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  found_  record;
  index_  text;
BEGIN
  SELECT * INTO found_ FROM mediasweep.holdings(a);
  RAISE NOTICE 'mediasweep: % is attached as source %: % name % assets', a.relation, a.id,
    CASE WHEN found_.whole THEN mediasweep.counted(found_.looked, 'row')
         ELSE format('of about %s, the first %s', mediasweep.counted(found_.about::numeric, 'row'), mediasweep.number(found_.looked)) END,
    mediasweep.number(found_.named);
  IF found_.unread > 0 THEN
    RAISE NOTICE 'mediasweep: in % of them nobody can tell which asset is meant, for example in "%": they keep assets, and queue none',
      found_.unread, found_.example;
  END IF;
  IF found_.unread = 0 AND found_.named = 0 AND found_.looked > 0 THEN
    RAISE WARNING 'mediasweep: no row of % names an asset: is this the right column, and the right way to read it? %', a.relation,
      coalesce(format('It holds, for example, "%s"', found_.example), 'It is empty in all of them');
  END IF;
  FOR index_ IN SELECT i.statement FROM mediasweep.missing_indexes(a) i LOOP
    RAISE NOTICE 'mediasweep: the guard looks through all of %, for want of an index: %', a.relation, index_;
  END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
