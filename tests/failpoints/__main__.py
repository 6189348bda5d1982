"""How large the matrix is: `python -m tests.failpoints` prints each step, then points and blows."""

from __future__ import annotations

import sys

from tests.failpoints import cases, migration

PROCESS = ("kill", "bug", "freeze", "lost", "hang")
INSIDE = ("kill", "bug", "cut", "deadlock", "hang")
MIGRATE = ("kill", "bug", "freeze", "lost")


def main() -> None:
    """Print the steps by where a daemon comes to them, and the sums."""
    having = cases.found()
    outside = inside = 0
    for world, text in cases.CASES.items():
        sys.stdout.write(f"{world}\n" + "".join(f"  {step}\n" for step in cases.listed(text)))
        outside += len(cases.points(world, inside=False))
        inside += len(cases.points(world, inside=True))
    migrating = cases.listed(migration.MIGRATE)
    sys.stdout.write("migrate\n" + "".join(f"  {step}\n" for step in migrating))
    migrate = sum(len(having[step]) for step in migrating)
    sys.stdout.write("none of the path\n")
    sys.stdout.writelines(f"  {step}: {reason}\n" for step, reason in cases.APART.items())
    sums = [
        ("daemon", outside, PROCESS),
        ("database", inside, INSIDE),
        ("migrate", migrate, MIGRATE),
    ]
    for name, points, blows in sums:
        sys.stdout.write(
            f"{name}: {points} points, {len(blows)} blows at each ({', '.join(blows)}):"
            f" {points * len(blows)}\n"
        )
    every = sum(points * len(blows) for _, points, blows in sums)
    sys.stdout.write(
        f"in all: {len(having)} steps, {outside + inside + migrate} points, {every} blows\n"
    )


if __name__ == "__main__":
    main()
