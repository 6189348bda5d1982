-- What a capture could not read: a URL that may mean several assets, an address where an id was to stand, a filter that
-- answers NULL. Nothing of it is queued. A note in `fallback` counts it, which no refill takes up.

-- What the rows of `rows_from` held in place of an asset, and nobody can tell which: the texts, as a query.
CREATE OR REPLACE FUNCTION mediasweep.unread_query(a mediasweep.attached, rows_from text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT string_agg(format('SELECT %s AS said FROM %s WHERE %s (%s%s)', held.sql,
      mediasweep.items_query(a.relation, ref || jsonb_build_object('public_id', held.plain), rows_from, live.sql, '', 'NULL'),
      CASE WHEN held.kind = 'column' THEN '(' || live.sql || ') AND' ELSE '' END,
      CASE WHEN mediasweep.is_url(ref)
           -- of a text the first URL is enough: it may have thousands, and none is certain
           THEN format('CASE WHEN %1$s ~ %4$L OR mediasweep.is_a_file(%1$s) THEN false WHEN mediasweep.is_one_url(%1$s)'
                       ' THEN (SELECT bool_or(u.certain) FROM mediasweep.readings(%1$s, %2$s) u WHERE %3$s) IS FALSE'
                       ' ELSE EXISTS (SELECT FROM mediasweep.embedded(%1$s, %2$s, NULL) e'
                       ' CROSS JOIN LATERAL mediasweep.url_readings(e, %2$s) u WHERE %3$s)'
                       ' OR EXISTS (SELECT FROM mediasweep.wanted_readings(%1$s, %2$s, ''{}'') u WHERE %3$s) END',
                       held.sql, mediasweep.hosts(ref), replace(mediasweep.is_ours(ref, false), '(r."mediasweep url")', 'u'), mediasweep.usual_url())
           ELSE format('mediasweep.is_an_address(%s)', held.sql) END,
      ' OR ' || held.sql || ' <> '''' AND (' || (a.options ->> 'filter') || E'\n) IS NULL'), E'\n      UNION ALL ')
    FROM mediasweep.refs_of(a.options) ref
   CROSS JOIN LATERAL (SELECT mediasweep.held_text(a.relation, ref), mediasweep.held_in(a.relation, ref),
                              CASE jsonb_typeof(ref -> 'public_id') WHEN 'object' THEN (ref -> 'public_id') - 'url' ELSE ref -> 'public_id' END)
                      held (sql, kind, plain)
   CROSS JOIN mediasweep.live_expression(a.relation, a.options, 'use') live (sql)
$$;

-- The `unread_query` of the release before was the last that called it.
DROP FUNCTION IF EXISTS mediasweep.items_query(regclass, jsonb, text, text, text);

-- Where each row holds one id and as many assets were queued as there were rows, there is nothing to look for.
CREATE OR REPLACE FUNCTION mediasweep.unread_statement(a mediasweep.attached, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format(CASE WHEN (SELECT count(*) = 1 AND bool_and(mediasweep.held_in(a.relation, ref) = 'column') FROM mediasweep.refs_of(a.options) ref)
                     THEN 'IF (SELECT count(*) FROM old_rows) > "mediasweep queued" THEN %s END IF;' ELSE '%s' END,
    format($q$
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, refused)
    SELECT %s, jsonb_build_object('texts', count(*), 'example', min(left(unread.said, 500))), %L, session_user,
           current_setting('application_name', true), 'nobody can tell which asset this is: nothing was queued'
      FROM (%s) unread HAVING count(*) > 0;$q$, a.id,
    CASE operation WHEN 'DELETE' THEN 'row_deleted' ELSE 'reference_removed' END,
    mediasweep.unread_query(a, 'old_rows')
    || CASE operation WHEN 'UPDATE' THEN format(E'\n      EXCEPT SELECT stays.said FROM (%s) stays', mediasweep.unread_query(a, 'new_rows')) ELSE '' END))
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
