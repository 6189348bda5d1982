"""The address of a small picture of an asset, made from the address that its row has.

Pure. Only what is delivered unsigned can be asked for in another size; of a film it is the first
frame. None: it has to be shown without a picture. Facts: Cloudinary documentation, "Transformation
URL API reference".
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

SMALL = "c_limit,w_320,h_240"
# these have a page or a frame that can be shown, and what else is called an image may be anything
PICTURES = {"avif", "bmp", "gif", "heic", "ico", "jpg", "jpeg", "png", "svg", "tif", "tiff", "webp"}
OF_FILM = "so_0"


def thumbnail(
    url: str, resource_type: str, delivery_type: str, form: str | None, origin: str
) -> str | None:
    """Return the address, if the asset's own is at this origin, from which pages may load: one as a
    policy names it, `https://*.cloudinary.com` for any host of that name.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    there = f"{parts.scheme}://{parts.netloc}"
    before, kind, after = parts.path.partition(f"/{resource_type}/{delivery_type}/")
    if not (_is_at(parts, urlsplit(origin)) and kind and delivery_type == "upload"):
        return None
    if resource_type == "image" and (form or "").lower() in PICTURES:
        return f"{there}{before}{kind}{SMALL}/{after}"
    if resource_type == "video":
        stem, dot, _ = after.rpartition(".")
        return f"{there}{before}{kind}{OF_FILM},{SMALL}/{stem if dot else after}.jpg"
    return None


def _is_at(parts: SplitResult, origin: SplitResult) -> bool:
    if parts.scheme != origin.scheme or not origin.netloc.startswith("*."):
        return (parts.scheme, parts.netloc) == (origin.scheme, origin.netloc)
    name, dot, rest = parts.netloc.partition(".")
    return dot + rest == origin.netloc[1:] and re.fullmatch(r"[\w-]+", name, re.ASCII) is not None
