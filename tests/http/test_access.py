"""Who comes in, and who does not."""

from __future__ import annotations

import httpx
import pytest

from mediasweep.http.access import access_policy
from mediasweep.settings import StartError
from tests.http.visits import ADDRESS, OPERATE, READ, TOKENS, bearer, settings, visit

WHO, SCHEDULER = "/api/session", "/api/cloudinary/scheduler"
STOP = {"action": "stop"}
OTHER = {"Origin": "https://evil.example"}
GATES = "SELECT count(*) FROM mediasweep.gate"


def test_beyond_loopback_a_token_is_needed() -> None:
    """A bind that others reach is refused without one, with exit code 2 and what to do."""
    for bind in ("0.0.0.0:0", "[::]:0", "example.com:80"):
        with pytest.raises(StartError, match="set MEDIASWEEP_API_TOKEN") as refused:
            access_policy(settings(http_bind=bind))
        assert refused.value.code == 2
        assert access_policy(settings(http_bind=bind, **TOKENS)).names is None
    for bind in ("127.0.0.1:0", "[::1]:0", "localhost:80", "127.8.0.1:0"):
        assert access_policy(settings(http_bind=bind)).names


async def test_each_token_does_what_it_is_good_for(database: str) -> None:
    """Without a token nothing but probes is answered; one that reads changes nothing."""
    async with visit(database, **TOKENS) as client:
        for headers in ({}, bearer("x" * 30), {"Authorization": "Basic eDp5"}):
            for path in (WHO, SCHEDULER, "/api/openapi.json", "/", "/api/nothing"):
                refused = await client.get(path, headers=headers)
                assert (refused.status_code, refused.json()["success"]) == (401, False)
                wrong = "this token is none of" in refused.json()["detail"]
                assert wrong == headers.get("Authorization", "").startswith("Bearer")
        assert (await client.get("/metrics")).status_code == 200
        for token, status in ((READ, 403), (OPERATE, 200)):
            assert (await client.get(SCHEDULER, headers=bearer(token))).status_code == 200
            told = await client.post(SCHEDULER, json=STOP, headers=bearer(token))
            assert told.status_code == status, told.text
        assert (await client.get("/api/nothing", headers=bearer(READ))).status_code == 404


async def test_whoever_is_on_this_machine_needs_no_token(database: str) -> None:
    """Unless they come through a proxy, by a name that is not ours, or from another site."""
    async with visit(database) as client:
        assert (await client.get(WHO)).json()["scope"] == "operate"
        for headers, status in (
            ({"X-Forwarded-For": "1.2.3.4"}, 401),
            ({"Host": "evil.example"}, 421),
            ({"Host": "evil.example@127.0.0.1"}, 421),
            ({"Host": "localhost:9"}, 200),
            ({"Host": "[::1]:9"}, 200),
        ):
            told = await client.get(WHO, headers=headers)
            assert told.status_code == status, headers
        for headers in (OTHER, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await client.post(SCHEDULER, json=STOP, headers=headers)).status_code == 403
        same = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
        assert (await client.post(SCHEDULER, json=STOP, headers=same)).status_code == 200


async def test_a_session_stands_for_its_token(database: str) -> None:
    """As it was pasted; its cookie is out of reach for scripts and others, and changes nothing."""
    async with visit(database, **TOKENS) as client:
        opened = await client.post(WHO, json={"token": f" {OPERATE}\n"})
        cookie = opened.headers["set-cookie"]
        for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
            assert attribute in cookie
        assert OPERATE not in cookie
        csrf = opened.json()["csrf"]
        assert (await client.get(WHO)).json()["csrf"] == csrf
        for headers, status in (
            ({}, 403),
            ({"X-CSRF-Token": "wrong"}, 403),
            ({"X-CSRF-Token": csrf} | OTHER, 403),
            ({"X-CSRF-Token": csrf}, 200),
        ):
            told = await client.post(SCHEDULER, json=STOP, headers=headers)
            assert told.status_code == status, headers
        sealed = client.cookies["mediasweep_session"]
        client.cookies.clear()
        for forged in (sealed[:-1] + "x", f"1{sealed}", "", "a.b.c", "é.é"):
            cookie = f"mediasweep_session={forged}"
            told = await client.get(WHO, headers={b"Cookie": cookie.encode("latin-1")})
            assert told.status_code == 401, forged
        assert "Secure" not in opened.headers["set-cookie"]
        behind = await client.post(
            WHO, json={"token": READ}, headers={"X-Forwarded-Proto": "https"}
        )
        assert "Secure" in behind.headers["set-cookie"]
        client.cookies.clear()
        await client.post(WHO, json={"token": READ})
        assert (await client.delete(WHO)).status_code == 204
        assert (await client.get(WHO)).status_code == 401


@pytest.mark.parametrize(("said", "status"), [("Basic eDp5", 200), ("Bearer wrong", 303)])
async def test_no_page_and_login_lead_to_each_other(database: str, said: str, status: int) -> None:
    """Whatever a proxy adds: where a session does not count, the login does not lead on."""
    async with visit(database, **TOKENS) as client:
        await client.post(WHO, json={"token": READ})
        headers = {"Authorization": said, "Accept": "text/html"}
        page = await client.get("/queue", headers=headers)
        assert page.status_code == status
        login = await client.get("/login?next=/queue", headers=headers)
        assert {page.status_code, login.status_code} == {200, 303}


async def test_whoever_guesses_tokens_is_made_to_wait(database: str) -> None:
    """After five wrong ones an address may not try again for a while, also the right one."""
    async with visit(database, **TOKENS) as client:
        for _ in range(5):
            assert (await client.post(WHO, json={"token": "wrong"})).status_code == 401
        late = await client.post(WHO, json={"token": OPERATE})
        assert late.status_code == 429
        after_s = int(late.headers["retry-after"])
        assert 0 < after_s <= 60
        assert late.json()["detail"].endswith(f"try again in {after_s} s")


async def test_a_daemon_that_only_looks_changes_nothing(database: str) -> None:
    """In read-only mode every change is refused, whoever asks."""
    async with visit(database, **TOKENS, http_read_only=True) as client:
        assert (await client.get(SCHEDULER, headers=bearer(OPERATE))).status_code == 200
        told = await client.post(SCHEDULER, json=STOP, headers=bearer(OPERATE))
        assert (told.status_code, "READ_ONLY" in told.text) == (403, True)


@pytest.mark.parametrize("before", ["", "/sweep"])
async def test_a_proxy_may_show_it_under_a_path(database: str, before: str) -> None:
    """Whether the proxy takes the path off or not, routes, cookie and description fit it."""
    own = {"http_root_path": "/sweep", "http_hosts": "media.example"}
    async with visit(database, **TOKENS, **own) as client:
        client.headers = httpx.Headers({"Host": "media.example"})
        opened = await client.post(f"{before}{WHO}", json={"token": READ}, headers={})
        assert "Path=/sweep" in opened.headers["set-cookie"]
        assert (await client.get(f"{before}/metrics")).status_code == 200
        described = await client.get(f"{before}/api/openapi.json", headers=bearer(READ))
        assert described.json()["servers"] == [{"url": "/sweep"}]
        assert (await client.get(f"{before}{SCHEDULER}", headers=bearer(READ))).status_code == 200


async def test_what_is_too_long_is_not_read(database: str) -> None:
    """Beyond a mebibyte, whether its length was told or not; much less of who is a stranger."""
    async with visit(database) as client:

        async def parts() -> object:
            for _ in range(20):
                yield b" " * 2**16

        for content in (b" " * (2**20 + 1), parts()):
            told = await client.post(SCHEDULER, content=content)  # type: ignore[arg-type]  # bytes or parts
            assert told.status_code == 413
    async with visit(database, **TOKENS) as client:
        for path in (WHO, "/livez"):  # nobody has been let in
            assert (await client.post(path, content=b" " * (2**14 + 1))).status_code == 413
        allowed = await client.post(SCHEDULER, content=b" " * 2**15, headers=bearer(OPERATE))
        assert allowed.status_code == 400


async def test_every_answer_has_the_headers_and_the_shape(database: str) -> None:
    """What is refused is told as problem details; nothing may be framed, guessed or kept."""
    async with visit(database) as client:
        for method, path, body, status in (
            ("GET", "/nothing", None, 404),
            ("PATCH", SCHEDULER, None, 405),
            ("POST", SCHEDULER, b"{", 400),
            ("POST", SCHEDULER, b'{"action": "dance"}', 400),
            ("POST", SCHEDULER, b'{"action": "stop", "actoin": 1}', 400),
            ("PUT", SCHEDULER, b'{"batch_size": 0}', 400),
        ):
            told = await client.request(method, path, content=body)
            assert told.status_code == status, told.text
            assert told.headers["content-type"] == "application/problem+json"
            said = told.json()
            assert (said["status"], said["success"]) == (status, False)
            assert said["title"]
            assert said["error"] == said["detail"]
            assert "default-src 'none'" in told.headers["content-security-policy"]
            assert told.headers["x-content-type-options"] == "nosniff"
            assert told.headers["cache-control"] == "no-store"
        told = await client.patch(SCHEDULER)
        assert set(told.headers["allow"].split(", ")) == {"GET", "POST", "PUT", "DELETE"}
