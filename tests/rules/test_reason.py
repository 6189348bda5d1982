"""The words for why a row is where it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediasweep.rules.reason import WaitReason, Why, ago, brief, outcome, sentence

SECOND = timedelta(seconds=1)
SENTENCES = [
    (
        Why(WaitReason.LEASED, "daemon h pid 1", ends_in=40 * SECOND),
        "is being deleted by daemon h pid 1, whose lease ends in 40 s",
    ),
    (
        Why(WaitReason.IN_DOUBT, detail="attempt 1 of 3", ends_in=90 * SECOND),
        "was sent, what happened is unknown; it is sent again in 90 s (attempt 1 of 3)",
    ),
    (Why(WaitReason.IN_DOUBT), "was sent, what happened is unknown; it will be sent again"),
    (
        Why(WaitReason.GATE, "brake (posts)", detail="too many, by ann", ends_in=300 * SECOND),
        "waits: the gate brake (posts) is closed (too many, by ann), for 5 min more",
    ),
    (
        Why(WaitReason.NO_DAEMON, "alive", lasts=7200 * SECOND),
        "waits for a daemon: none is alive; the last beat was 2 h ago",
    ),
    (
        Why(WaitReason.NO_DAEMON, "deleting", lasts=SECOND),
        "waits for a daemon: none is deleting (they are disabled, or on a dry run)",
    ),
    (
        Why(WaitReason.WRITER, "pid 7 (app)", lasts=300 * SECOND),
        (
            "is held by the transaction of pid 7 (app), open for 5 min: "
            "it may still bring a use of the asset back"
        ),
    ),
    (Why(WaitReason.NEXT), "is next in line"),
]
BRIEFS = [
    (Why(WaitReason.GATE, "brake (posts)", 120), "120 behind the gate brake (posts)"),
    (Why(WaitReason.IN_DOUBT, rows=3, ends_in=12 * SECOND), "3 in doubt, due in 12 s"),
    (Why(WaitReason.IN_DOUBT, rows=3, ends_in=-SECOND), "3 in doubt, due"),
    (
        Why(WaitReason.WRITER, "pid 7 (app)", lasts=300 * SECOND),
        "1 held by transaction pid 7 (app), open for 5 min",
    ),
]


@pytest.mark.parametrize(("why", "said"), SENTENCES)
def test_a_row_is_told_about_in_a_sentence(why: Why, said: str) -> None:
    """What keeps it, since when and for how long still."""
    assert sentence(why) == said


@pytest.mark.parametrize(("why", "said"), BRIEFS)
def test_a_group_is_told_about_in_a_few_words(why: Why, said: str) -> None:
    """How many, and what keeps them."""
    assert brief(why) == said


def test_every_reason_has_words() -> None:
    """Each reason of a row has its sentence and its short form, with or without particulars."""
    for reason in WaitReason:
        assert brief(Why(reason)).startswith("1 ")
        # those two are of captures, which are no rows yet
        if reason not in {WaitReason.FALLBACK, WaitReason.REFUSED}:
            assert sentence(Why(reason))


def test_a_reason_of_a_later_release_is_told_as_it_is_written() -> None:
    """This release knows no sentence for it, and shows the word with what is said beside it."""
    assert sentence(Why("quarantined", detail="since noon")) == "waits: quarantined (since noon)"
    assert brief(Why("quarantined", rows=1500)) == "1,500 waiting: quarantined"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_a_length_is_told_in_one_unit(seconds: int, said: str) -> None:
    """The larger unit is used from two of it on."""
    assert ago(seconds * SECOND) == said


@pytest.mark.parametrize(
    ("status", "response", "said"),
    [
        ("completed", '{"result": "ok"}', "was deleted"),
        ("completed", '{"result": "not found"}', "was not at Cloudinary"),
        ("completed", '{"result": "ok", "about": "not found"}', "was deleted"),
        ("skipped", None, "was kept: in use"),
        ("failed", None, "failed: in use"),
    ],
)
def test_a_finished_row_is_told_by_its_outcome(
    status: str, response: str | None, said: str
) -> None:
    """What became of it, in words."""
    assert outcome(status, "in use", response).startswith(said)
