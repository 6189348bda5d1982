"""Places in a list, as they are handed out and come back."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.rules.cursor import EPOCH, Cursor, CursorError, cursor


@given(st.datetimes(EPOCH.replace(tzinfo=None), datetime(5000, 1, 1)), st.uuids())  # noqa: DTZ001  made aware below
def test_a_place_comes_back_as_it_was(at: datetime, id_: object) -> None:
    """Nothing of a time or an id is lost, or a page would begin at the wrong row."""
    there = Cursor(at.replace(tzinfo=EPOCH.tzinfo), id_)  # type: ignore[arg-type]  # an id
    assert cursor(str(there)) == there


@pytest.mark.parametrize("text", ["", "1", "1-2", "-1-" + "0" * 32, "1-" + "g" * 32, "1" * 18])
def test_what_was_never_handed_out_is_refused(text: str) -> None:
    """With the place where one is found."""
    with pytest.raises(CursorError, match="`next` of the page before"):
        cursor(text)
