"""Sizes as people read them."""

from __future__ import annotations

import pytest

from mediasweep.rules.number import size


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (9_949, "9.9 KB"),
        (9_950, "10 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (100_000_000, "100 MB"),
        (7_000 * 10**12, "7,000 TB"),
    ],
)
def test_a_size_has_the_unit_that_fits(count: int, said: str) -> None:
    """Three digits at the most, rounded up into the next unit and never to a thousand of one."""
    assert size(count) == said
