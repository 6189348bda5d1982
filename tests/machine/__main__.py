"""The machine by hand: more games under another seed, or the list of safeguards.

python -m tests.machine                            each safeguard, and what breaks without it
python -m tests.machine --search 100               the same, and found by random games, if it is
python -m tests.machine --seed 7 --games 1000      play, and say what was reached
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Emulator
from mediasweep.postgres.migrate import migrate
from tests.conftest import Server
from tests.machine.machine import Tally, play
from tests.machine.safeguards import SAFEGUARDS, Safeguard
from tests.machine.uses import Broken
from tests.machine.world import World


@contextmanager
def worlds() -> Iterator[Worlds]:
    """Start a server and an emulator of our own."""
    with Cluster(durable=False) as cluster, Emulator() as emulator:
        server = Server(cluster.dsn(), cluster)
        asyncio.run(server.sql("CREATE DATABASE migrated"))
        asyncio.run(migrate(server.dsn("migrated"), with_library=True))
        yield Worlds(server, emulator)


class Worlds:
    """Makes a world for each that wants one."""

    def __init__(self, server: Server, emulator: Emulator) -> None:
        self._server = server
        self._emulator = emulator

    @contextmanager
    def new(self) -> Iterator[World]:
        """Give a world; its database is dropped afterwards."""
        name = f"world_{uuid.uuid4().hex[:12]}"
        asyncio.run(self._server.sql(f"CREATE DATABASE {name} TEMPLATE migrated"))
        try:
            with World(self._server.dsn(name), self._emulator.cloud()) as world:
                yield world
        finally:
            asyncio.run(self._server.sql(f"DROP DATABASE {name} WITH (FORCE)"))


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def broken_by_script(world: World, safeguard: Safeguard) -> str:
    """Return the invariant that breaks without the safeguard."""
    safeguard.play(world)
    with safeguard.taken_away(world) as worker:
        try:
            safeguard.play(world, worker)
        except Broken as broken:
            return broken.invariant
    return "nothing"


def found_by_chance(world: World, safeguard: Safeguard, games: int) -> str:
    """Return after how many steps which invariant breaks without the safeguard."""
    tally = Tally()
    with safeguard.taken_away(world) as worker:
        try:
            play(world, games, worker=worker, tally=tally, shrink=False)
        except Broken as broken:
            return f"{broken.invariant}, after {tally.steps} steps"
    return f"nothing in {tally.steps} steps"


def main() -> int:
    """Do what the arguments say; 1 if an invariant breaks, or one that should does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.machine")
    parser.add_argument("--seed", type=int, help="play the games of this seed")
    parser.add_argument("--games", type=int, default=1000, help="how many; about 50 steps each")
    parser.add_argument("--search", type=int, default=0, help="search by so many random games")
    asked = parser.parse_args()
    with worlds() as made:
        if asked.seed is None:
            return _safeguards(made, asked.search)
        with made.new() as world:
            return _play(world, asked.games, asked.seed)


def _play(world: World, games: int, seeded: int) -> int:
    began_s = time.monotonic()
    tally = play(world, games, seeded=seeded)
    say(f"{tally.steps} steps in {time.monotonic() - began_s:.1f} s, {tally.games} games")
    say(f"{tally.calls} calls")
    for name, count in sorted((tally.events + tally.windows).items()):
        say(f"{count:7} {name}")
    return 0


def _safeguards(made: Worlds, games: int) -> int:
    missed = 0
    for name, safeguard in SAFEGUARDS.items():
        with made.new() as world:
            broken = broken_by_script(world, safeguard)
        missed += broken != safeguard.breaks
        found = ""
        if games:
            with made.new() as world:
                found = f"; by chance: {found_by_chance(world, safeguard, games)}"
        say(f"{name} → {broken}{found}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
