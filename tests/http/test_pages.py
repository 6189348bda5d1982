"""The pages: each with and without data, for who may look only, and when the database is away."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import httpx
import pytest

from mediasweep.http.pages.login import local
from mediasweep.http.pages.site import NAVIGATION
from mediasweep.http.pages.static import FILES, address
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import open_pool
from tests.daemons import ROOT
from tests.http.visits import ADDRESS, OPERATE, READ, TOKENS, application, bearer, visit
from tests.operations.standing import beat
from tests.schema.queue import enqueue

PAGE = {"Accept": "text/html"}
PAGES = ["/", "/queue", "/queue?status=failed", "/gates", "/gates/brake", "/activity"]
UI = ROOT / "docs" / "ui.md"
EVERY = {*PAGES, *(path for path, _ in NAVIGATION)}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: http"
FAILED = """
UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'failed', processed_at = now(),
       error_message = '<script>alert(1)</script>', cloudinary_response = '{"error": "</pre>"}'
"""
NAMED = """
UPDATE mediasweep.cloudinary_cleanup_queue
   SET original_filename = 'holiday.jpg', created_at = now() - interval '2 h',
       queued_at = now() - interval '2 h'
"""
CLOSED = """
INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('pause', '<b>lunch</b>', 'ops')
"""


async def _pages(client: httpx.AsyncClient, *paths: str, **headers: str) -> dict[str, str]:
    """Return the text of each page, having seen that it is one."""
    texts = {}
    for path in paths:
        told = await client.get(path, headers=PAGE | headers)
        assert told.status_code == 200, (path, told.text)
        assert told.headers["content-security-policy"].startswith(POLICY)
        assert "<style" not in told.text
        assert " style=" not in told.text
        texts[path] = told.text
    return texts


async def test_each_page_says_what_to_do_while_there_is_nothing(database: str) -> None:
    """On a new database no page is empty, and none fails."""
    async with visit(database) as client:
        for path, text in (await _pages(client, *PAGES)).items():
            assert 'class="empty"' in text, path


async def test_what_there_is_is_shown_as_it_was_written(database: str, db: Db) -> None:
    """A row, its answer and a gate are on their pages, and nothing of them is markup."""
    ids = await enqueue(db, '<i>"a', "b")
    await db.execute(FAILED)
    await db.execute(CLOSED)
    row = f"/queue/{ids[0]}"
    async with visit(database) as client:
        texts = await _pages(client, *EVERY, row)
        for text in texts.values():
            for markup in ("<script>alert", "<i>", "<b>lunch", '"error": "</pre>'):
                assert markup not in text
        assert "&lt;i&gt;&#34;a" in texts["/queue"]
        assert "&lt;script&gt;alert(1)" in texts[row]
        assert "&lt;b&gt;lunch" in texts["/gates"]
        first = await client.get("/queue?limit=1", headers=PAGE)
        assert first.text.count('id="row-') == 1
        older = first.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        rest = await client.get(older.replace("&amp;", "&"), headers=PAGE)
        assert rest.text.count('id="row-') == 1
        gone = f"/queue/{str(ids[0])[:-4]}0000"
        for path, status, says, leads in (
            ("/nothing", 404, "nothing at this address", "/"),
            (gone, 404, "may have been pruned", "/queue"),
            ("/queue/1", 400, "<code>id</code> has to look like", "/queue"),
            ("/library/x", 400, "<code>id</code> has to look like", "/library"),
            ("/library?sort=x", 400, "<code>sort</code> has to be &#39;newest&#39;", "/library"),
        ):
            told = await client.get(path, headers=PAGE)
            problem = told.text.partition('id="problem"')[2]
            assert (told.status_code, says in problem) == (status, True), problem
            assert f'href="{leads}"' in problem


async def test_a_row_that_was_put_back_tells_its_times_apart(database: str, db: Db) -> None:
    """When it was let go of, when it was put back, and that its tries are counted from then on;
    the name of its file stands beside its id, there and in the list.
    """
    [id_] = await enqueue(db, "k3j2h1")
    await db.execute(NAMED)
    async with visit(database) as client:
        before = (await _pages(client, f"/queue/{id_}"))[f"/queue/{id_}"]
        await db.execute(FAILED)
        told = await client.post("/api/queue/retry", json={"ids": [str(id_)]})
        assert told.status_code == 200
        texts = await _pages(client, f"/queue/{id_}", "/queue?filename=hol*")
        [row, listed] = texts.values()
    ago = r"<time [^>]*>2 h ago</time>"
    assert re.search(rf"let go of {ago}</span>", before)
    back = r"<time [^>]*>(just now|\d+ s ago)</time>"
    assert re.search(rf"let go of {ago}, put back {back}</span>", row)
    assert "since it was put back" in row
    assert "since it was put back" not in before
    assert all("holiday.jpg" in text for text in (before, row, listed))


async def test_an_outcome_that_its_detail_begins_with_is_said_once(database: str, db: Db) -> None:
    """In use by what, and not that it is in use in use by it; any other comes before its detail."""
    [id_] = await enqueue(db, "a")
    await db.execute(
        "INSERT INTO mediasweep.journal (queue_id, event, outcome, detail) VALUES"
        " ($1, 'skipped', 'in_use', 'in use by posts 7'), ($1, 'failed', 'rejected', 'said so')",
        id_,
    )
    async with visit(database) as client:
        text = (await _pages(client, f"/queue/{id_}"))[f"/queue/{id_}"]
    said = " ".join(re.sub(r"<[^>]*>", " ", text.partition("Timeline")[2]).split())
    assert "skipped in use by posts 7" in said
    assert "failed rejected said so" in said


async def test_a_stop_says_how_long_it_lasts_and_what_ends_it(database: str, db: Db) -> None:
    """For whoever may press it, the button as well as the command."""
    await db.execute(CLOSED)
    await db.execute("UPDATE mediasweep.gate SET until = now() + interval '5 min'")
    async with visit(database, **TOKENS) as client:
        for token, opens in ((OPERATE, "the button Start, or <code>"), (READ, "<code>")):
            client.headers.update(bearer(token))
            text = (await _pages(client, "/gates"))["/gates"]
            assert re.search(r"by ops, <time [^>]*>for \d+ min more</time>\.", text)
            assert f"What opens it: {opens}mediasweep resume</code>." in text


async def test_no_daemon_is_at_work_while_nothing_is_sent(database: str, db: Db) -> None:
    """The overview and the scheduler say that daemons that are alive are stopped."""
    await beat(db)
    async with visit(database) as client:
        texts = await _pages(client, "/", "/gates")
        assert ("all at work" in texts["/"], "<dd>1 at work" in texts["/gates"]) == (True, True)
        await db.execute(CLOSED)
        texts = await _pages(client, "/", "/gates")
        assert "stopped: nothing is sent" in texts["/"]
        assert "<dd>1 stopped" in texts["/gates"]


async def test_the_manual_names_the_keys_that_pages_do(database: str) -> None:
    """No other, and none is left out."""
    [told] = re.findall(r"`/`\s+goes to .*?`Esc`", UI.read_text("utf-8"), re.DOTALL)
    async with visit(database) as client:
        texts = await _pages(client, "/library", "/library/deleted")
    keys = [key for text in texts.values() for key in re.findall(r"<dt><kbd>(.*?)</kbd>", text)]
    assert set(re.findall(r"`(.*?)`", told)) == set(keys)


async def test_success_says_what_was_absent(database: str, db: Db) -> None:
    """What was not there counts as success, and the overview says so."""
    async with visit(database) as client:
        assert "Absent counts" not in (await _pages(client, "/"))["/"]
    await db.execute(
        "INSERT INTO mediasweep.journal (event, outcome) SELECT 'completed', o"
        " FROM unnest('{deleted,absent}'::text[]) o, generate_series(1, 750)"
    )
    async with visit(database) as client:
        text = (await _pages(client, "/"))["/"]
    assert "<strong>100 %</strong>" in text
    assert "of the last 24 hours; 750 absent" in text
    assert "1,500 done" in text
    assert "Absent counts as success" in text


async def test_a_fleet_that_only_looks_is_said_first(database: str, db: Db) -> None:
    """On the overview and beside the scheduler, where it is neither at work nor stopped."""
    await beat(db, works=False)
    async with visit(database) as client:
        texts = await _pages(client, "/", "/gates")
    assert "No daemon that is alive deletes" in texts["/"]
    assert "only looks</span>" in texts["/gates"]


async def test_a_filter_that_cannot_be_read_stays_in_its_form(database: str) -> None:
    """What to write instead is said beside it."""
    async with visit(database) as client:
        told = await client.get("/queue?since=abc&app=shop", headers=PAGE)
        assert told.status_code == 400
        assert "no moment: give how long ago" in told.text
        assert 'value="abc"' in told.text
        assert 'value="shop"' in told.text
        assert "data-live" not in told.text


async def test_who_may_only_look_is_shown_no_button(database: str, db: Db) -> None:
    """Neither a token that may read nor a read-only daemon has one, and the page says why."""
    await enqueue(db, "a")
    await db.execute(FAILED)
    for token, only, why in ((OPERATE, False, ""), (READ, False, "read:"), (OPERATE, True, "ONLY")):
        async with visit(database, **TOKENS, http_read_only=only) as client:
            for path, text in (await _pages(client, "/queue", "/gates", **bearer(token))).items():
                assert ('data-call="P' in text) is (not why), path
                assert why in text


async def test_a_page_without_a_session_leads_to_the_login(database: str) -> None:
    """And from there back, at once with a session, under a proxy's path too; the API says 401."""
    own = {"http_root_path": "/sweep"}
    async with visit(database, **TOKENS, **own) as client:
        led = await client.get("/queue?status=failed", headers=PAGE)
        assert led.status_code == 303
        assert led.headers["location"] == "/sweep/login?next=/queue%3Fstatus%3Dfailed"
        page = (await _pages(client, led.headers["location"]))[led.headers["location"]]
        assert 'data-then="/sweep/queue?status=failed"' in page
        assert (await client.get("/api/status", headers=PAGE)).status_code == 401
        assert (await client.post("/api/session", json={"token": OPERATE})).status_code == 200
        text = (await _pages(client, "/sweep/queue"))["/sweep/queue"]
        led = await client.get("/sweep/login?next=/gates", headers=PAGE)
        assert (led.status_code, led.headers["location"]) == (303, "/sweep/gates")
        links = [part.partition('"')[0] for part in text.split('href="')[1:]]
        assert all(link.startswith(("/sweep/", "#")) for link in links), links


async def test_what_only_begins_like_the_path_of_the_proxy_is_not_under_it(database: str) -> None:
    """Else a proxy that takes its path off would have API and pages told apart wrongly."""
    async with visit(database, **TOKENS, http_root_path="/ap") as client:
        assert (await client.get("/api/status", headers=PAGE)).status_code == 401
        assert (await client.get("/ap/api/status", headers=PAGE)).status_code == 401


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\e", "/\t/e"])
def test_a_login_leads_nowhere_else(elsewhere: str) -> None:
    """What is no path of this server is forgotten."""
    assert local(elsewhere) == "/"
    assert local("/queue?status=failed") == "/queue?status=failed"


async def test_what_pages_load_is_kept_until_it_changes(database: str) -> None:
    """Without a token; under another release's address it is sent too, and not kept."""
    async with visit(database, **TOKENS) as client:
        for name in FILES:
            told = await client.get(address(name))
            assert (told.status_code, told.content) == (200, FILES[name])
            assert "immutable" in told.headers["cache-control"]
            again = {"If-None-Match": told.headers["etag"]}
            assert (await client.get(address(name), headers=again)).status_code == 304
        told = await client.get("/static/0123/mediasweep.js")
        assert (told.status_code, told.headers["cache-control"]) == (200, "no-cache")
        assert (await client.get("/static/0123/app.py")).status_code == 404


@asynccontextmanager
async def _without_database(database: str) -> AsyncIterator[httpx.AsyncClient]:
    pool = await open_pool(database, size=1, patience=timedelta(seconds=2), kept=False)
    pool.terminate()
    transport = httpx.ASGITransport(application(pool), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client


@pytest.mark.parametrize(
    "error", [asyncpg.InvalidPasswordError, asyncpg.InvalidCatalogNameError], ids=str
)
async def test_a_database_that_refuses_is_no_fault(
    database: str, monkeypatch: pytest.MonkeyPatch, error: type[asyncpg.PostgresError]
) -> None:
    """A password that was changed and a database that was dropped are a 503 that says why, as a
    database that is away.
    """

    async def refused(_: Fleet) -> None:
        raise error("the connection failed")

    monkeypatch.setattr(Fleet, "figures", refused)
    async with visit(database) as client:
        told = await client.get("/api/cloudinary/scheduler")
        assert (told.status_code, told.json()["detail"].endswith("failed")) == (503, True)


async def test_a_database_that_is_away_is_a_page_that_says_so(database: str) -> None:
    """Each page answers 503, what to do, and that it asks again by itself."""
    async with _without_database(database) as client:
        for path in PAGES:
            told = await client.get(path, headers=PAGE)
            assert told.status_code == 503
            assert "data-again" in told.text
            assert "<h1>The database does not answer this now</h1>" in told.text
            assert 'data-problem="The database does not answer this now."' in told.text
            assert "<small>pool is closed</small>" in told.text
            assert "mediasweep doctor" in told.text
