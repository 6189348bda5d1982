"""The small picture of an asset: whose address is one that a page may load."""

from __future__ import annotations

import pytest

from mediasweep.rules.thumbnail import thumbnail

HOME = "https://res.cloudinary.com"


@pytest.mark.parametrize(
    ("url", "kinds", "expected"),
    [
        (
            "/c/image/upload/v1/a/b.png",
            ("image", "upload", "png"),
            "c_limit,w_320,h_240/v1/a/b.png",
        ),
        (
            "/c/video/upload/v1/a.b.mp4",
            ("video", "upload", "mp4"),
            "so_0,c_limit,w_320,h_240/v1/a.b.jpg",
        ),
        ("/c/image/upload/v1/a.pdf", ("image", "upload", "pdf"), None),
        ("/c/raw/upload/v1/a.csv", ("raw", "upload", None), None),
        ("/c/image/private/s--x--/v1/a.png", ("image", "private", "png"), None),
        ("/elsewhere/a.png", ("image", "upload", "png"), None),
    ],
)
def test_a_small_picture_is_asked_of_the_same_place(
    url: str, kinds: tuple[str, str, str | None], expected: str | None
) -> None:
    """What can be delivered small and unsigned is, and the rest has no picture."""
    small = thumbnail(HOME + url, *kinds, HOME)
    assert (small and small.partition("/upload/")[2]) == expected


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)//image/upload/a.png",
        "https://[/image/upload/a.png",
        "//x/image/upload/a",
    ],
)
def test_nothing_is_loaded_from_elsewhere(url: str) -> None:
    """Another origin, or what is no address, gives no picture."""
    assert thumbnail(url, "image", "upload", "png", HOME) is None
