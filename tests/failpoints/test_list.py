"""The list of steps is that of the code: none without a case, no case without a step."""

from __future__ import annotations

from tests.failpoints import cases, steps


def test_every_step_has_a_case() -> None:
    """A step that the code has and no case knows is named, with what to do about it."""
    new = sorted(set(cases.found()) - set(cases.known()))
    assert not new, f"{new}: add each to a world of tests/failpoints/cases.py in which it is taken"


def test_every_case_has_a_step() -> None:
    """A case for a step that the code has no more is named."""
    old = sorted(set(cases.known()) - set(cases.found()))
    assert not old, f"{old} is no step any more: take it out of tests/failpoints/cases.py"


def test_every_step_has_one_case() -> None:
    """No step is in two lists."""
    known = cases.known()
    assert sorted({step for step in known if known.count(step) > 1}) == []


def test_what_only_waits_is_there_to_be_waited_for() -> None:
    """What is set apart as waiting within the process is still awaited somewhere."""
    inside = {text for path in steps.MODULES for text in steps.read(path).inside}
    assert inside == steps.INSIDE
