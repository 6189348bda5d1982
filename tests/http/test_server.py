"""The server leaves the daemon what it needs."""

from __future__ import annotations

import resource

from mediasweep.http.server import take_all_files


def test_idle_connections_do_not_take_the_last_file() -> None:
    """A daemon may open all the files that it is allowed, and not only the usual thousand."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] // 2, before[1]))
    try:
        take_all_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
