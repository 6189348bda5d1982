"""Texts in every field that people outside decide about, put there without the product's help.

A column that is added to one of the tables joins by itself; one that takes no such text is passed
over.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from mediasweep.postgres.pool import Connection as Db

# a row for each text; the tables' own columns say of what kind it is
ROWS = (
    """
INSERT INTO public.media_assets (cloudinary_public_id, file_size, mime_type, secure_url, url,
  resource_type, sync_status, thumbnail_url)
SELECT n, n, 'm', 'u', 'u', (ARRAY['image', 'video', 'raw'])[1 + n % 3], 'error', 't'
  FROM generate_series(1, $1::integer) n
""",
    """
WITH queued AS (
  INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, status, processed_at,
    due_at, source_id)
  SELECT n, s, CASE WHEN s <> 'pending' THEN now() END, now() + interval '1 day', n % 3
    FROM generate_series(1, $1::integer) n,
         LATERAL (SELECT (ARRAY['pending', 'failed', 'skipped', 'completed'])[1 + n % 4]) t (s)
  RETURNING id, status), failed AS (
  INSERT INTO mediasweep.failed (id) SELECT q.id FROM queued q WHERE q.status = 'failed')
INSERT INTO mediasweep.journal (event, queue_id, source_id) SELECT 'e', q.id, 1 FROM queued q
""",
    """
INSERT INTO mediasweep.inbox (digest, notification_type, body, signed_at, done_at, outcome)
SELECT decode(md5(n::text), 'hex'), 'n', '{}', now(), now(), 'ignored'
  FROM generate_series(1, $1::integer) n
""",
    """
WITH run AS (
  INSERT INTO mediasweep.reconcile_run (state, cloud_name, asked_by, holder, finished_at, age_floor,
    places, counts)
  SELECT 'done', 'c', 'a', gen_random_uuid(), now(), '1 day',
         '{"image": {"done": true, "listed": 9}}', jsonb_build_object('orphan', $1::integer)
  RETURNING id)
INSERT INTO mediasweep.reconcile_finding (run_id, kind, source_id, row_name, public_id,
  resource_type, detail)
SELECT r.id, (ARRAY['orphan', 'ghost', 'mismatch'])[1 + n % 3], 1, 'r', n, 'image',
       CASE n % 3 WHEN 2 THEN jsonb_build_object('folder', jsonb_build_array($2::text, $2::text))
                  WHEN 1 THEN '{"backup": true}' END
  FROM run r, generate_series(1, $1::integer) n
""",
    "INSERT INTO mediasweep.protected (prefix) SELECT n FROM generate_series(1, $1::integer) n",
    """
INSERT INTO mediasweep.fallback (source_id, error)
SELECT 1, 'e' FROM generate_series(1, $1::integer)
""",
    """
INSERT INTO mediasweep.acknowledgement (source_id, xact, acknowledged_by)
SELECT 1, pg_current_xact_id(), 'a' FROM generate_series(1, $1::integer)
""",
    """
INSERT INTO mediasweep.gate (name, source_id, reason, closed_by)
VALUES ('brake', 1, 'r', 'c'), ('brake', 2, 'r', 'c'), ('pause', NULL, 'r', 'c')
""",
)
FIELDS = """
SELECT format('%I.%I', c.table_schema, c.table_name) AS "table", c.column_name::text AS name,
       c.data_type = 'ARRAY' AS many, coalesce(c.character_maximum_length, 10000) AS longest
  FROM information_schema.columns c
 WHERE (c.table_schema, c.table_name) IN (('public', 'media_assets'),
         ('mediasweep', 'cloudinary_cleanup_queue'), ('mediasweep', 'journal'),
         ('mediasweep', 'inbox'), ('mediasweep', 'reconcile_run'),
         ('mediasweep', 'reconcile_finding'), ('mediasweep', 'protected'),
         ('mediasweep', 'fallback'), ('mediasweep', 'acknowledgement'), ('mediasweep', 'gate'))
   AND c.udt_name IN ('text', '_text', 'varchar')
"""
# each row another text, and each field of a row another one
WRITE = """
WITH numbered AS (
  SELECT t.ctid AS at, left(($1::text[])[1 + (row_number() OVER () + $2::integer)
           % cardinality($1::text[])], $3::integer) AS text FROM {table} t)
UPDATE {table} t SET "{name}" = {value} FROM numbered n WHERE t.ctid = n.at
"""
ANSWERS = """
WITH numbered AS (
  SELECT q.id, ($1::text[])[1 + row_number() OVER () % cardinality($1::text[])] AS text
    FROM mediasweep.cloudinary_cleanup_queue q)
UPDATE mediasweep.cloudinary_cleanup_queue q
   SET cloudinary_response = jsonb_build_object('result', n.text, n.text, n.text,
         'error', jsonb_build_object('message', n.text))
  FROM numbered n WHERE q.id = n.id
"""
TABLE = """
CREATE TABLE public."{name}" (id text, "{name}" text);
SELECT mediasweep.attach('public."{name}"', jsonb_build_object('public_id', '{name}'));
"""
USES = 'INSERT INTO public."{name}" SELECT m.alt_text, m.cloudinary_public_id FROM media_assets m'


async def plant(db: Db, texts: Sequence[str], name: str) -> set[str]:
    """Put each text into each field, and attach a table of that name that uses the assets.

    Returns the fields, as table.column.
    """
    await db.execute("SET session_replication_role = replica")  # no trigger captures anything
    for statement in ROWS:
        given = (len(texts), texts[0]) if "$2" in statement else (len(texts),)
        await db.execute(statement, *(given if "$1" in statement else ()))
    written = set()
    for offset, field in enumerate(await db.fetch(FIELDS)):
        value = "ARRAY[n.text]" if field["many"] else "n.text"
        statement = WRITE.format(table=field["table"], name=field["name"], value=value)
        try:
            await db.execute(statement, list(texts), offset, field["longest"])
        except asyncpg.CheckViolationError:
            continue
        written.add(f"{field['table'].rpartition('.')[2]}.{field['name']}")
    await db.execute(ANSWERS, list(texts))
    await db.execute("RESET session_replication_role")
    await db.execute(TABLE.format(name=name))
    await db.execute(USES.format(name=name))
    return written
