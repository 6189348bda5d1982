"""A daemon whose deletions take no time, so that what is measured is how it wakes and claims."""

from __future__ import annotations

import sys
from collections.abc import Callable

from mediasweep.cli import main
from mediasweep.cloudinary import Account
from mediasweep.rules.asset import Asset
from mediasweep.rules.outcome import Answer, Outcome


async def _at_once(_: Account, asset: Asset, may_not: Callable[[], str | None]) -> Answer:  # noqa: ARG001  as it is called
    return Answer(Outcome.DELETED)


if __name__ == "__main__":
    Account.destroy = _at_once  # type: ignore[method-assign, assignment]  # see above
    sys.argv[1:] = ["run"]
    main()
