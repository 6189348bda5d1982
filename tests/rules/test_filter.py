"""Which rows are meant: globs, names of tables, and what each move is for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.rules.filter import (
    REASONS,
    Filter,
    FilterError,
    RawFilter,
    Source,
    check_reason,
    like,
    looked_at,
    source_number,
)
from mediasweep.rules.job import ByHand, Status
from mediasweep.rules.moment import MomentError, Window

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POSTS = Source(1, "posts", "blog.posts", "blog.posts")
OTHERS = Source(2, "posts", "shop.posts", "posts")
FILES = Source(3, "Files", "public.Files", '"Files"')
GONE = Source(17)
ALL = [POSTS, OTHERS, FILES, GONE]


def _matches(pattern: str, text: str) -> bool:
    """Match as LIKE does."""
    parts = re.findall(r"\\.|.", pattern, flags=re.DOTALL)
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(regex, text, flags=re.DOTALL) is not None


@given(st.text("ab%_\\/", max_size=8), st.text("ab%_\\/", max_size=8))
def test_without_a_wildcard_only_the_same_text_matches(glob: str, text: str) -> None:
    """Whatever LIKE would take for more than itself is taken for itself."""
    assert _matches(like(glob), text) is (glob == text)


@given(st.lists(st.text("a%_\\", max_size=3), min_size=2, max_size=4), st.text("b%", max_size=3))
def test_a_star_is_any_text_and_a_question_mark_any_character(parts: list[str], any_: str) -> None:
    """A glob matches what it was made from, with anything in the place of its wildcards."""
    assert _matches(like("*".join(parts)), any_.join(parts))
    assert _matches(like("?".join(parts)), "x".join(parts))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("manual", 0),
        ("0", 0),
        ("17", 17),
        ("blog.posts", 1),
        ("shop.posts", 2),
        ("posts", 2),  # as lists show it
        ("Files", 3),
        ('"Files"', 3),
        ("public.Files", 3),
    ],
)
def test_a_source_is_a_number_or_a_name(text: str, number: int) -> None:
    """Each way to name a source leads to its number."""
    assert source_number(text, ALL) == number


def test_a_name_that_fits_several_tables_is_refused() -> None:
    """Guessing could cancel the wrong rows: the message names the tables."""
    elsewhere = Source(4, "posts", "old.posts", "old.posts")
    with pytest.raises(FilterError, match=r"more than one table: say blog\.posts or old\.posts"):
        source_number("posts", [POSTS, elsewhere])


@pytest.mark.parametrize("text", ["files", "-1", "2147483648", "", "९"])
def test_a_name_of_nothing_is_refused(text: str) -> None:
    """A typing error does not silently match nothing: the message lists what there is."""
    with pytest.raises(
        FilterError, match=r"give blog\.posts \(1\), public\.Files \(3\), shop\.posts \(2\), by"
    ):
        source_number(text, ALL)
    with pytest.raises(FilterError, match="give the name of one"):
        source_number(text, [])


@pytest.mark.parametrize("text", ["4", "77", "2147483647"])
def test_a_number_of_nothing_is_refused(text: str) -> None:
    """Nor does a wrong number: it is one of a table that is or was attached."""
    with pytest.raises(FilterError, match=rf"number {text}: give blog\.posts \(1\)"):
        source_number(text, ALL)


def test_a_reason_of_nothing_is_refused() -> None:
    """Ours are always good, also before any row has one; others if a row has them."""
    for reason in (*REASONS, "spring"):
        check_reason(reason, ["spring", "manual"])
    with pytest.raises(FilterError, match=r"row_deleted, .*, manual, spring"):
        check_reason("row_delete", ["spring", "manual"])


def test_each_move_looks_where_it_can_move_rows() -> None:
    """A retry finds what has ended badly, a cancel what has not ended, unless told less."""
    assert looked_at([], ByHand.RETRY) == (Status.FAILED, Status.SKIPPED)
    assert looked_at([Status.FAILED], ByHand.RETRY) == (Status.FAILED,)
    assert looked_at([], ByHand.CANCEL) == (Status.PENDING, Status.PROCESSING)
    assert looked_at([Status.PENDING], ByHand.CANCEL) == (Status.PENDING,)


@pytest.mark.parametrize("move", ByHand)
@pytest.mark.parametrize("status", [Status.COMPLETED, Status.PROCESSING])
def test_a_move_is_not_for_rows_that_it_cannot_move(move: ByHand, status: Status) -> None:
    """A status that could only be refused is refused at once, with those that could not."""
    with pytest.raises(FilterError, match=f"{move} is not for rows that are {status}: ask for"):
        looked_at([status], move)


def test_what_was_said_is_read_whole() -> None:
    """Each part of what was said arrives in the filter, the times as moments."""
    text = ("Files", "a*", "b*", "r", "app", "ann", "2h", "1h")
    said = RawFilter((Status.FAILED,), *text, in_doubt=True, own=False)
    window = Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    assert said.read(3, NOW) == Filter(
        (Status.FAILED,), 3, "a*", "b*", "r", "app", "ann", window, in_doubt=True, own=False
    )
    assert not said.is_empty
    assert RawFilter().read(None, NOW) == Filter()
    with pytest.raises(MomentError):
        RawFilter(since="yesterday").read(None, NOW)


@pytest.mark.parametrize(
    "said",
    [
        RawFilter(app=""),
        RawFilter(in_doubt=False),
        RawFilter(own=False),
        RawFilter(statuses=(Status.FAILED,)),
        RawFilter(since="1h"),
    ],
)
def test_a_filter_that_says_anything_is_not_empty(said: RawFilter) -> None:
    """Also an empty name, and a no, say something."""
    assert not said.is_empty
    assert RawFilter().is_empty
