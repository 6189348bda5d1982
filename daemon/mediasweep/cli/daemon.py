"""run, demo, version."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def run() -> None:
    """Run the daemon."""
    import asyncio

    from mediasweep.report import configure_logging
    from mediasweep.settings import load

    settings = load()
    settings.dsn()
    settings.credentials()
    configure_logging(form=settings.log_format, level=settings.log_level)
    for name in [name for name in os.environ if name.startswith("CLOUDINARY_")]:
        del os.environ[name]  # the SDK would read them too when it is imported, and differently
    from mediasweep.http.access import access_policy
    from mediasweep.run import run as run_daemon

    access = access_policy(settings)
    settings = settings.model_copy(update={"api_token": None})  # of which only hashes are kept
    os.environ.pop("MEDIASWEEP_API_TOKEN", None)
    left = asyncio.run(run_daemon(settings, access))
    # calls may still hang in their threads, which Python would wait for; what they do is leased
    sys.stderr.flush()
    os._exit(1 if left else 0)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Exit when everything has been shown.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the daemon's HTTP server; 0: a free one.")] = 0,
) -> None:
    """Run a demonstration that needs no server and no account.

    Starts a real Postgres, a Cloudinary emulator and the daemon, and leaves nothing behind.
    """
    from mediasweep.demo.show import show

    raise typer.Exit(show(once=once, port=port))


def version() -> None:
    """Print the version."""
    from mediasweep import __version__

    typer.echo(__version__)


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take what stands before the command."""
