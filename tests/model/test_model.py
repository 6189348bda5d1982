"""The protocol's model keeps its promises, and none of its rules can be spared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.model.checker import (
    CYCLES,
    MODEL,
    RULES,
    Configuration,
    build,
    explore,
    missing,
    story,
)
from tests.model.configurations import BROKEN, EVERYTHING, SAFE, WINDOWS, Broken

PAGE = MODEL.parent.parent / "docs" / "model.md"
explored = pytest.mark.skipif(missing() is not None, reason=str(missing()))


# the checker is compiled once, within the first test that wants it, and gcc may take its time
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the model, once for each test process."""
    return build(tmp_path_factory.mktemp("model"))


@explored
@pytest.mark.parametrize("configuration", SAFE, ids=lambda one: one.name)
def test_a_safe_configuration_is_safe(checker: Path, configuration: Configuration) -> None:
    """Every state of it is visited, and none violates a property."""
    found = explore(checker, configuration)
    assert found.errors == 0, "\n".join(story(checker, configuration))
    assert found.complete, found.said


@explored
@pytest.mark.parametrize("broken", [*BROKEN, *WINDOWS], ids=lambda one: one.name)
def test_what_a_configuration_lacks_it_needs(checker: Path, broken: Broken) -> None:
    """Lacking one thing it violates a property, and with that one thing it violates none."""
    lacking, whole = explore(checker, broken.lacking), explore(checker, broken.whole)
    assert "assertion violated" in lacking.said, lacking.said
    assert whole.errors == 0, "\n".join(story(checker, broken.whole))
    assert whole.complete, whole.said


@explored
def test_every_run_comes_to_rest(tmp_path: Path) -> None:
    """No run goes on for ever, so what is asserted when all is quiet is asserted of every run."""
    found = explore(build(tmp_path, CYCLES), EVERYTHING, "-l")
    assert "non-progress cycles" in found.said
    assert found.errors == 0, found.said
    assert found.complete, found.said


@explored
def test_an_exploration_that_was_cut_short_is_not_complete(checker: Path) -> None:
    """Too small a depth is noticed, so that it cannot pass for a proof."""
    assert not explore(checker, SAFE[0], "-m50").complete


def test_every_rule_is_left_out_once() -> None:
    """Each rule of the model has a configuration that lacks it and nothing else."""
    assert {broken.lacking.without for broken in BROKEN} == set(RULES)


def test_the_page_lists_every_rule_and_every_configuration() -> None:
    """The page has a row for each rule, in the model's words, and one for each configuration."""
    text = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"(?m)^\| ([^|]+) \|", text)
    names = [one.name for one in SAFE] + [one.name for one in (*BROKEN, *WINDOWS)]
    assert not {*names, *(f"`{rule}`" for rule in RULES)} - {*listed}
