"""Whatever of the product is imported after this has a call around each of its steps."""

from __future__ import annotations

from tests.failpoints import blows, steps

steps.install(blows.around_call, blows.around_context)
