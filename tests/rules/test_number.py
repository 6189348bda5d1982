"""Sizes and scales as people read them."""

from __future__ import annotations

import pytest

from mediasweep.rules.number import scale, size


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


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (0, [0]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (6, [0, 2, 4, 6]),
        (44, [0, 10, 20, 30, 40, 50]),
        (520, [0, 200, 400, 600]),
        (1_000_001, [0, 500_000, 1_000_000, 1_500_000]),
    ],
)
def test_a_scale_has_few_round_marks_up_to_what_is_above_all(most: int, marks: list[int]) -> None:
    """It begins at nothing, and its last mark is not below the greatest count."""
    assert [*scale(most)] == marks
