"""The connections: where they lead, what lies in between, and what the server is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mediasweep.rules.finding import Finding, note, problem, warning
from mediasweep.rules.reason import ago

Row = Mapping[str, Any]

CHECKED = {"verify-ca", "verify-full"}
SKEW_MOST = timedelta(seconds=30)
NOTIFICATIONS_MOST = 0.5
TRANSACTION_PORT = 6543  # of Supabase's pooler
SUPABASE_POOLER, SUPABASE_DIRECT = ".pooler.supabase.com", ".supabase.co"


def away(name: str, said: str, dsn: str) -> list[Finding]:
    """Judge an address that nobody answers at."""
    host = urlsplit(dsn).hostname or ""
    remedy = f"start the server, create the database, or correct {name}"
    if host.endswith(SUPABASE_DIRECT):
        remedy += (
            ". Supabase's direct address is for IPv6 networks; on others take the session pooler's "
            "(Connect, in its dashboard, shows it). A project that was paused has to be resumed"
        )
    why = "nothing is deleted; what is captured waits in the queue, and daemons wait as well"
    return problem(f"{name} cannot be used: {said}", why, remedy)


def listening(*, heard: bool, pooled: bool, name: str, dsn: str) -> list[Finding]:
    """Judge whether what one connection sends was heard on the one that `name` leads to."""
    if heard:
        return []
    why = "daemons look every two seconds instead of being woken, and `migrate` is refused"
    if not pooled:
        what = f"a notification sent over another connection was not heard at {name}"
        remedy = f"look what lies between here and the server, and whether {name} leads to it"
        return problem(what, why, remedy)
    parts = urlsplit(dsn)
    remedy = "set MEDIASWEEP_LISTEN_URL to a direct (or session-mode) address"
    if (parts.hostname or "").endswith(SUPABASE_POOLER) and parts.port == TRANSACTION_PORT:
        remedy += ": the same host at port 5432 is the session pooler"
    return warning(f"{name} leads through a transaction pooler", why, remedy)


def same_server(working: Row, other: Row) -> list[Finding]:
    """Judge whether both addresses lead to one database."""
    if all(working[key] == other[key] for key in ("started_at", "database")):
        return []
    return problem(
        "DATABASE_URL and MEDIASWEEP_LISTEN_URL lead to different databases: "
        f"{working['database']} and {other['database']}",
        "daemons listen where nobody notifies, and `migrate` works on the wrong one",
        "correct one of the two",
    )


def isolation(server: Row, *, pooled: bool) -> list[Finding]:
    """Judge the isolation that claims get, which a daemon cannot ask for through a pooler."""
    if not pooled or server["isolation"] == "read committed":
        return []
    return problem(
        f"transactions of {server['role']} are {server['isolation'].upper()} by default, and "
        "DATABASE_URL leads through a pooler",
        "claims need READ COMMITTED, and through a pooler a daemon cannot ask for it",
        "run `ALTER ROLE … SET default_transaction_isolation = 'read committed'` for this role",
    )


def role_of_server(server: Row) -> list[Finding]:
    """Judge whether one can write there."""
    why = "no daemon can claim here, and a guard that is asked of a copy does not know the latest"
    if server["standby"]:
        remedy = "correct DATABASE_URL to lead to the primary, or promote this one"
        return problem("this server is a standby", why, remedy)
    if server["read_only"]:
        what = "transactions are read-only by default here"
        remedy = "let role and database have `default_transaction_read_only = off`"
        return problem(what, "no daemon can claim here", remedy)
    return []


def encryption(name: str, peer: str | None, *, encrypted: bool, dsn: str) -> list[Finding]:
    """Judge whether others can read along; `peer` is the other end, None for a unix socket."""
    address = ip_address((peer or "::1").partition("%")[0])
    if address.is_loopback:
        return []
    if not encrypted:
        what = f"{name} is not encrypted on its way to {address}"
        why = "whoever is in between reads passwords and rows, and may change them"
        remedy = f"let the server have TLS, and end {name} with ?sslmode=verify-full"
        return (note if address.is_private else warning)(what, why, remedy)
    mode = parse_qs(urlsplit(dsn).query).get("sslmode", ["prefer"])[0]
    if mode in CHECKED or address.is_private:
        return []
    return note(
        f"{name} is encrypted, and nobody checks with whom (sslmode={mode})",
        "whoever is in between may pretend to be the server",
        f"end {name} with ?sslmode=verify-full&sslrootcert=FILE",
    )


def clock(server: Row, asked: datetime, answered: datetime) -> list[Finding]:
    """Judge the server's clock by this host's, which was looked at before and after."""
    early, late = asked - server["now"], server["now"] - answered
    skew = max(early, late)
    if skew <= SKEW_MOST:
        return []
    side = "behind" if early > late else "ahead of"
    return warning(
        f"the database's clock is {ago(skew)} {side} this host's",
        "moments that you name, as in `restore --since`, mean others than you think",
        "let both keep time by NTP",
    )


def notifications(server: Row) -> list[Finding]:
    """Judge how full the server's queue of notifications is."""
    if server["notifications"] < NOTIFICATIONS_MOST:
        return []
    return problem(
        f"the server's notification queue is {server['notifications']:.0%} full",
        "once it is full, every transaction that notifies fails when it commits, also yours",
        "end the session that listens and stays in one transaction: the oldest in pg_stat_activity",
    )


def earlier_system(found: Sequence[str]) -> list[Finding]:
    """Judge what is left of the system that mediasweep can take over."""
    if not found:
        return []
    return warning(
        f"here is {', '.join(found)}, of an earlier system",
        "its scheduler asks no guard: it deletes what is in use",
        "see what `mediasweep migrate --take-over --dry-run` would change",
    )
