"""The ways in which an installation falls ill: how to plant each, who finds it."""

from __future__ import annotations

from datetime import timedelta

from mediasweep import __version__
from tests.operations.installation import Plant, World, given, set_to, shadowed, sql, switched
from tests.upload.uploads import opened

ARTICLES = """
CREATE TABLE public.articles (id integer PRIMARY KEY, cover text);
SELECT mediasweep.attach('public.articles', '{"public_id": "cover"}')
"""
PARTED = """
CREATE TABLE public.pictures (id integer, cover text) PARTITION BY LIST (id);
SELECT mediasweep.attach('public.pictures', '{"public_id": "cover"}');
CREATE TABLE public.pictures_1 PARTITION OF public.pictures FOR VALUES IN (1)
"""
LARGE = """
INSERT INTO public.articles SELECT n, 'a' || n FROM generate_series(1, 20000) n;
ANALYZE public.articles
"""
QUEUED = "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, "
OLD = f"{QUEUED}status, queued_at, processed_at) VALUES ('old', 'completed', {{0}}, {{0}})"
DOUBT = (
    f"{QUEUED}status, in_doubt, claim_no, queued_at, due_at)"
    " VALUES ('d', 'processing', true, 1, {0}, {1})"
)
AGO = "now() - interval '{}'"
LATER = "now() + interval '1 hour'"
EARLIER = "CREATE TABLE public.cloudinary_cleanup_queue (id integer)"
BROKEN = """
CREATE OR REPLACE FUNCTION mediasweep.hidden()
RETURNS TABLE (relation text, cause text, statement text)
LANGUAGE plpgsql AS $$ BEGIN RAISE 'a defect'; END $$
"""
PROXIED = "https://a.example/webhooks/cloudinary"
NOWHERE = "postgresql://a:b@127.0.0.1:1/nowhere"


async def host_two_hours_ahead(world: World) -> None:
    """Set this host's clock."""
    world.off = timedelta(hours=2)


async def listens_elsewhere(world: World) -> None:
    """Let the address for LISTEN lead to another database."""
    world.more["MEDIASWEEP_LISTEN_URL"] = world.server.dsn("postgres")


async def told_elsewhere(world: World) -> None:
    """Have notifications sent to this machine, to another application, and through a proxy."""
    for url in ("http://localhost:1/webhooks/cloudinary", "https://b.example/x", PROXIED):
        await opened(world.cloud).add_trigger(url, "all")


UPDATE = "UPDATE mediasweep.installation SET "
GATE = "INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('{}', 'a reason', 'ann')"
FAULTS: dict[str, tuple[Plant, set[str], str]] = {
    "trigger dropped": (
        sql("DROP TRIGGER media_assets_cleanup_trigger_delete ON media_assets"),
        {"triggers"},
        "not all that media_assets lets go of is captured: no trigger for DELETE",
    ),
    "trigger disabled": (
        sql("ALTER TABLE media_assets DISABLE TRIGGER media_assets_cleanup_trigger_update"),
        {"triggers"},
        "ALTER TABLE media_assets ENABLE TRIGGER media_assets_cleanup_trigger_update",
    ),
    "partition uncovered": (
        sql(PARTED),
        {"triggers"},
        "not all that pictures_1 of pictures lets go of",
    ),
    "partition detached": (
        sql(
            PARTED,
            "SELECT mediasweep.cover(); ALTER TABLE pictures DETACH PARTITION pictures_1",
        ),
        {"parts"},
        "pictures_1 is no part of pictures any more",
    ),
    "sessions are replicas": (
        set_to("session_replication_role", "replica"),
        {"replication"},
        "sessions of every role in this database: session_replication_role is replica",
    ),
    "column renamed": (
        sql(ARTICLES, "ALTER TABLE articles RENAME COLUMN cover TO c"),
        {"guard"},
        "cover does not exist",
    ),
    "table gone": (
        sql(ARTICLES, "DROP TABLE articles"),
        {"guard"},
        "the guard cannot answer: ",
    ),
    "no index": (
        sql(ARTICLES, LARGE),
        {"indexes"},
        "CREATE INDEX CONCURRENTLY ON public.articles (cover)",
    ),
    "nothing attached": (
        sql("SELECT mediasweep.detach('media_assets'::regclass)"),
        {"attached"},
        "no table is attached",
    ),
    "journal unlogged": (
        sql("ALTER TABLE mediasweep.journal SET UNLOGGED"),
        {"durability"},
        "ALTER TABLE mediasweep.journal SET LOGGED",
    ),
    "autovacuum off": (
        sql("ALTER TABLE mediasweep.cloudinary_cleanup_queue SET (autovacuum_enabled = off)"),
        {"vacuum"},
        "autovacuum is off for mediasweep.cloudinary_cleanup_queue",
    ),
    "another account": (
        sql(UPDATE + "cloud_name = 'theirs'"),
        {"place"},
        "cloud was theirs, is cloud",
    ),
    "another server": (sql(UPDATE + "system_identifier = '1'"), {"place"}, "server was 1, is"),
    "promoted": (sql(UPDATE + "timeline = 77"), {"place"}, "this server was promoted"),
    "paused": (sql(GATE.format("pause")), {"gates"}, "opened by `mediasweep resume`"),
    "gate of the key": (sql(GATE.format("auth")), {"gates"}, "closed by ann: a reason"),
    "no daemon": (sql("DELETE FROM mediasweep.daemon"), {"daemons"}, "no daemon is alive"),
    "only dry runs": (
        sql("UPDATE mediasweep.daemon SET config = '{\"works\": false}'"),
        {"daemons"},
        "no daemon that is alive deletes",
    ),
    "two versions": (
        sql(
            "INSERT INTO mediasweep.daemon (id, host, pid, version, concurrency, listening)"
            " VALUES (gen_random_uuid(), 'there', 8, '0.0.1', 1, true)"
        ),
        {"daemons"},
        f"daemons of several versions are alive: 0.0.1, {__version__}",
    ),
    "deaf daemon": (
        sql("UPDATE mediasweep.daemon SET listening = false, started_at = now() - interval '1 h'"),
        {"daemons"},
        "the daemon on here (pid 7) hears no notifications",
    ),
    "due for long": (
        sql(f"{QUEUED}queued_at, due_at) VALUES ('a', {AGO.format('1 h')}, {AGO.format('1 h')})"),
        {"due"},
        "1 row due, the oldest for 60 min",
    ),
    "failed": (
        sql(f"{QUEUED}status, processed_at) VALUES ('a', 'failed', now())"),
        {"stuck"},
        "mediasweep queue list --status failed",
    ),
    "in doubt": (sql(DOUBT.format(AGO.format("2 h"), LATER)), {"stuck"}, "1 row in doubt"),
    "of no table": (
        sql(f"{QUEUED}source_id) VALUES ('a', 99)"),
        {"stuck"},
        "1 row unfinished, and of no attached table",
    ),
    "fell back": (
        sql("INSERT INTO mediasweep.fallback (source_id, ref, error) VALUES (1, '{}', 'full')"),
        {"fallback"},
        "captures that failed and are not queued yet: 1 (full)",
    ),
    "fell back for good": (
        sql("INSERT INTO mediasweep.fallback (source_id, ref, refused) VALUES (1, '{}', 'odd')"),
        {"fallback"},
        "captures that cannot be queued: 1 (odd)",
    ),
    "queue not pruned": (
        sql(OLD.format(AGO.format("90 d"))),
        {"retention"},
        "1 row finished longer ago than the retention of 30 d",
    ),
    "journal not pruned": (
        sql(
            "UPDATE mediasweep.journal SET at = now() - interval '90 d'",
            "INSERT INTO mediasweep.journal (at, event) VALUES (now() - interval '90 d', 'old')",
        ),
        {"retention"},
        "entries of the journal longer ago",
    ),
    "key refused": (switched(revoked=True), {"account"}, "Cloudinary refuses these credentials"),
    "no such cloud": (
        given(CLOUDINARY_CLOUD_NAME="elsewhere", CLOUDINARY_API_KEY="k", CLOUDINARY_API_SECRET="s"),
        {"account", "place"},
        "for cloud elsewhere",
    ),
    "no account": (given(CLOUDINARY_URL=""), {"account"}, "Cloudinary is not set"),
    "account out of reach": (
        given(CLOUDINARY_URL="cloudinary://k:s@c?upload_prefix=http://127.0.0.1:1"),
        {"account", "place"},
        "Cloudinary cannot be asked",
    ),
    "a webhook and no token": (
        told_elsewhere,
        {"account"},
        "Cloudinary tells https://a.example/webhooks/cloudinary, and MEDIASWEEP_API_TOKEN",
    ),
    "few calls left": (switched(admin_limit=1), {"account"}, "0 of 1 calls of Cloudinary's Admin"),
    "no calls left": (switched(admin_limit=0), {"account"}, "takes no more calls"),
    "this host's clock": (
        host_two_hours_ahead,
        {"account", "clock"},
        "this host's clock is 2 h ahead of Cloudinary's",
    ),
    "the database's clock": (
        shadowed(
            "clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
            " $$ SELECT pg_catalog.clock_timestamp() - interval '5 min' $$"
        ),
        {"clock"},
        "the database's clock is 5 min behind this host's",
    ),
    "notifications get lost": (
        shadowed("pg_notify(text, text) RETURNS void LANGUAGE sql AS ''"),
        {"pooler"},
        "was not heard at DATABASE_URL",
    ),
    "notifications pile up": (
        shadowed("pg_notification_queue_usage() RETURNS float8 LANGUAGE sql AS 'SELECT 0.9'"),
        {"notifications"},
        "notification queue is 90% full",
    ),
    "listens elsewhere": (listens_elsewhere, {"pooler"}, "lead to different databases"),
    "cannot listen": (
        given(MEDIASWEEP_LISTEN_URL=NOWHERE),
        {"pooler"},
        "MEDIASWEEP_LISTEN_URL cannot be used",
    ),
    "a standby": (
        shadowed("pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'"),
        {"server"},
        "this server is a standby",
    ),
    "read-only": (
        set_to("default_transaction_read_only", "on"),
        {"server"},
        "transactions are read-only by default",
    ),
    "an earlier system": (sql(EARLIER), {"earlier system"}, "public.cloudinary_cleanup_queue"),
    "schema too old": (
        sql("DELETE FROM mediasweep.migration WHERE name LIKE 'migrations/0002%'"),
        {"schema"},
        "this database has not got migrations/0002_engine.sql",
    ),
    "schema too new": (
        sql("INSERT INTO mediasweep.migration VALUES ('migrations/9999_later.sql', 'x')"),
        {"schema"},
        "is newer than this version",
    ),
    "no schema": (sql("DROP SCHEMA mediasweep CASCADE"), {"schema"}, "has no schema of mediasweep"),
    "function of another release": (
        sql("UPDATE mediasweep.migration SET sha256 = 'x' WHERE name = 'functions/why.sql'"),
        {"schema"},
        "functions/why.sql",
    ),
    "a check with a defect": (
        sql(BROKEN),
        {"row-level security"},
        "this could not be looked at: a defect",
    ),
}
