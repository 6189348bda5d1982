"""The hourly quota, as the headers of an answer tell it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mediasweep.rules.quota import LEFT, LIMIT, RESET, Quota, read_quota

TOLD = {LIMIT: "500", LEFT: "7", RESET: "Wed, 03 Oct 2012 08:00:00 GMT"}


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_quota_is_read_with_its_end(zone: str) -> None:
    """The end is a moment, however the zone is written."""
    told = TOLD | {RESET: TOLD[RESET].replace("GMT", zone)}
    assert read_quota(told) == Quota(500, 7, datetime(2012, 10, 3, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    "headers", [{}, TOLD | {LEFT: "x"}, TOLD | {RESET: "soon"}, {RESET: TOLD[RESET]}]
)
def test_a_quota_that_is_not_told_whole_is_none(headers: dict[str, str]) -> None:
    """Whatever stands in the headers, a call goes on."""
    assert read_quota(headers) is None
