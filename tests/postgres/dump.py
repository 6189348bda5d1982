"""The whole schema as one text: `python -m tests.postgres.dump > schema/schema.sql` renews it.

The text is what pg_dump says of a database that was migrated with the library, without what depends
on the version of the server or of pg_dump. It shows in one place, and in every review, what a
change of the schema files comes to.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.migrate import migrate

COMMITTED = Path(__file__).parents[2] / "schema" / "schema.sql"
RENEW = "python -m tests.postgres.dump > schema/schema.sql"
HEAD = f"-- Every object after `mediasweep migrate --with-library`. Generated: {RENEW}\n\n"
# comments of pg_dump, its session settings, and the key that newer ones put around a script
NOISE = re.compile(
    r"^(--.*|SET \w+ = .*;|SELECT pg_catalog\.set_config\(.*\);|\\(un)?restrict .*)\n",
    flags=re.MULTILINE,
)
OID = re.compile(r"\b\d+::regclass")  # in generated functions, another one in every database
# what stands between two dollar signs is the text of a function, and no noise
BODY = re.compile(r"(\$\w*\$.*?\$\w*\$)", flags=re.DOTALL)


class HasCluster(Protocol):
    """A server that may be our own."""

    @property
    def cluster(self) -> Cluster | None:
        """The server, if we started it."""


def normalised(dump: str) -> str:
    """Return a dump without what differs between versions."""
    parts = BODY.split(dump)
    parts[::2] = [NOISE.sub("", part) for part in parts[::2]]
    dump = OID.sub("0::regclass", "".join(parts))
    return re.sub(r"\n{3,}", "\n\n", dump).strip() + "\n"


def _run(cluster: Cluster | None, dsn: str, *options: str) -> subprocess.CompletedProcess[str]:
    beside = Path(cluster.psql).with_name("pg_dump") if cluster else Path("pg_dump")
    return subprocess.run(
        [str(beside), "--schema-only", "--no-owner", *options, f"--dbname={dsn}"],
        env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
        capture_output=True,
        text=True,
        check=False,
    )


def pg_dump(server: HasCluster, dsn: str, *options: str) -> str:
    """Return the normalised dump of a database; skips the test where no pg_dump fits the server."""
    try:
        dumped = _run(server.cluster, dsn, *options)
    except FileNotFoundError:
        pytest.skip("there is no pg_dump beside the server nor on the PATH")
    if "server version mismatch" in dumped.stderr:
        pytest.skip(f"pg_dump is older than the server: {dumped.stderr.splitlines()[-1]}")
    assert dumped.returncode == 0, dumped.stderr
    return normalised(dumped.stdout)


def main() -> None:
    """Print the schema of this checkout."""
    with Cluster(durable=False) as cluster:
        asyncio.run(migrate(cluster.dsn(), with_library=True))
        dumped = _run(cluster, cluster.dsn())
        dumped.check_returncode()
    sys.stdout.write(HEAD + normalised(dumped.stdout))


if __name__ == "__main__":
    main()
