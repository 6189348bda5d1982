"""Delivery URLs and what they mean: one table for everything that reads URLs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SHARED = "https://res.cloudinary.com/demo"
V = "v1700000000"


@dataclass(frozen=True, slots=True)
class Url:
    """A URL, the asset that it certainly means, and every public id that it may mean."""

    text: str
    certain: str | None
    may_be: frozenset[str]
    resource_type: str = "image"
    delivery_type: str = "upload"
    version: int | None = None
    host: str | None = None


def sure(text: str, public_id: str, *also: str, **more: Any) -> Url:  # noqa: ANN401  # the fields of Url
    """Make a URL of which it is certain what it means; for the guard it may mean the others too."""
    return Url(text, public_id, frozenset({public_id, *also}), **more)


def unsure(text: str, *public_ids: str, **more: Any) -> Url:  # noqa: ANN401  # the fields of Url
    """Make a URL of which nobody can tell which of these assets it means."""
    return Url(text, None, frozenset(public_ids), **more)


def layered(transformation: str) -> str:
    """Make the URL of `a` with this before its version."""
    return f"{SHARED}/image/upload/{transformation}/{V}/a.jpg"


NEW: dict[str, Any] = {"version": 1700000000}
URLS = [
    # as Cloudinary writes them
    sure(f"{SHARED}/image/upload/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(f"http://res.cloudinary.com/demo/image/upload/{V}/f/g/a.jpg", "f/g/a", "f/g/a.jpg", **NEW),
    sure(f"//res.cloudinary.com/demo/image/upload/{V}/a.png", "a", "a.png", **NEW),
    sure(f"res.cloudinary.com/demo/image/upload/{V}/a.png", "a", "a.png", **NEW),
    sure(f"  {SHARED}/image/upload/{V}/a.png", "a", "a.png", **NEW),
    sure(f"{SHARED}/image/upload/a", "a"),
    sure(f"{SHARED}/image/upload/sample.jpg", "sample", "sample.jpg"),
    sure(f"{SHARED}/video/upload/{V}/dog.mp4", "dog", "dog.mp4", resource_type="video", **NEW),
    sure(f"{SHARED}/video/upload/{V}/dog.jpg", "dog", "dog.jpg", resource_type="video", **NEW),
    sure(f"{SHARED}/raw/upload/{V}/x/a.pdf", "x/a.pdf", resource_type="raw", **NEW),
    sure(f"{SHARED}/raw/upload/{V}/a", "a", resource_type="raw", **NEW),
    sure(f"{SHARED}/image/private/{V}/a.jpg", "a", "a.jpg", delivery_type="private", **NEW),
    sure(
        f"{SHARED}/image/authenticated/s--AbCd_-12--/{V}/a.jpg",
        *("a", "a.jpg"),
        delivery_type="authenticated",
        **NEW,
    ),
    sure(f"{SHARED}/image/upload/s--AbCd1234--/a.jpg", "a", "a.jpg"),
    # transformations
    sure(f"{SHARED}/image/upload/w_300,h_200,c_fill/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(f"{SHARED}/image/upload/c_fill,w_300/e_sepia/t_thumb/{V}/f/a", "f/a", **NEW),
    sure(f"{SHARED}/image/upload/t_thumb/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(
        f"{SHARED}/image/upload/l_text:Arial_20:Hi%20you%2C,g_north/{V}/a.jpg",
        *("a", "a.jpg", "Arial_20"),
        **NEW,
    ),
    sure(f"{SHARED}/image/upload/$w_100/w_$w/if_w_gt_9/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(
        f"{SHARED}/image/upload/t_thumb/v1/f/a.jpg",
        *("f/a", "f/a.jpg", "v1/f/a", "v1/f/a.jpg", "t_thumb/v1/f/a", "t_thumb/v1/f/a.jpg"),
        version=1,
    ),
    sure(f"{SHARED}/image/upload/q_auto/f_auto/a", "a", "f_auto/a", "q_auto/f_auto/a"),
    sure(f"{SHARED}/image/upload/w_300,h_200/a", "a", "w_300,h_200/a"),
    # a folder after the version is a folder, whatever it looks like
    sure(f"{SHARED}/image/upload/{V}/w_300/a.jpg", "w_300/a", "w_300/a.jpg", **NEW),
    sure(f"{SHARED}/image/upload/{V}/v2/a.jpg", "v2/a", "v2/a.jpg", **NEW),
    # a folder, or a transformation? a version, or a folder?
    unsure(f"{SHARED}/image/upload/t_shirts/a.jpg", "t_shirts/a", "t_shirts/a.jpg", "a", "a.jpg"),
    unsure(f"{SHARED}/image/upload/v2/a", "v2/a", "a", version=2),
    sure(f"{SHARED}/image/upload/my_photos/a", "my_photos/a", "a"),
    sure(f"{SHARED}/image/upload/user_photos/a", "user_photos/a"),
    unsure(f"{SHARED}/image/upload/odd/{V}/a", f"odd/{V}/a", "a"),
    # dots, and what needs encoding
    sure(f"{SHARED}/image/upload/{V}/my.folder/a.jpg", "my.folder/a", "my.folder/a.jpg", **NEW),
    unsure(f"{SHARED}/image/upload/{V}/a.final", "a", "a.final", **NEW),
    sure(f"{SHARED}/image/upload/{V}/a.final.jpg", "a.final", "a.final.jpg", **NEW),
    sure(f"{SHARED}/image/upload/{V}/a%20b/%D1%84.jpg", "a b/ф", "a b/ф.jpg", **NEW),
    sure(f"{SHARED}/image/upload/{V}/ф.jpg", "ф", "ф.jpg", **NEW),
    sure(f"{SHARED}/image/upload/{V}/f%2Fa.jpg", "f/a", "f/a.jpg", **NEW),
    unsure(f"{SHARED}/image/upload/{V}/a%FF", "a%FF", **NEW),
    unsure(f"{SHARED}/image/upload/{V}/a%00", "a%00", **NEW),
    sure(f"{SHARED}/image/upload/{V}/a.jpg?_a=BAMAABcd#x", "a", "a.jpg", **NEW),
    sure(f"{SHARED}/image/upload//{V}//f//a.jpg", "f/a", "f/a.jpg", **NEW),
    # a name for search engines, short forms, the root
    sure(f"{SHARED}/images/{V}/f/a/nice-name.jpg", "f/a", **NEW),
    sure(f"{SHARED}/images/a/nice-name", "a"),
    sure(f"{SHARED}/private_images/a/n.jpg", "a", delivery_type="private"),
    sure(f"{SHARED}/authenticated_images/a/n.jpg", "a", delivery_type="authenticated"),
    sure(f"{SHARED}/videos/w_300/{V}/a/n.mp4", "a", resource_type="video", **NEW),
    sure(f"{SHARED}/files/{V}/a.docx/n.docx", "a.docx", resource_type="raw", **NEW),
    sure(f"{SHARED}/iu/w_100/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(f"https://demo-res.cloudinary.com/{V}/a.jpg", "a", "a.jpg", **NEW),
    unsure("https://demo-res.cloudinary.com/a.jpg", "a", "a.jpg"),
    # layers: what else is needed to make the picture
    sure(layered("l_logo,g_south_east"), "a", "a.jpg", "logo", **NEW),
    sure(layered("w_9/u_x:y_z.png,w_9/fl_layer_apply"), "a", "a.jpg", "x/y_z", "x/y_z.png", **NEW),
    sure(layered("l_logo%2520x%2Cw_9"), "a", "a.jpg", "logo x", "logo%20x", "logo%2520x", **NEW),
    sure(layered("l_video:x:dog"), "a", "a.jpg", "x/dog", "video/x/dog", **NEW),
    sure(
        layered("l_authenticated:dog"),
        *("a", "a.jpg", "dog", "authenticated/dog"),
        **NEW,
    ),
    sure(
        layered("l_subtitles:Arial_20:x:s.srt"),
        *("a", "a.jpg", "x/s.srt", "x/s", "Arial_20/x/s.srt", "Arial_20/x/s"),
        *("subtitles/Arial_20/x/s.srt", "subtitles/Arial_20/x/s"),
        **NEW,
    ),
    sure(layered("l_lut:lut.3dl"), "a", "a.jpg", "lut.3dl", "lut", "lut/lut.3dl", "lut/lut", **NEW),
    sure(
        layered("l_text:My-Font.ttf_50_bold:Hi,co_red"),
        *("a", "a.jpg", "My-Font.ttf", "My-Font", "My-Font.ttf_50_bold"),
        **NEW,
    ),
    sure(layered("l_fetch:aHR0cHM6Ly9lbHNlLmV4YW1wbGUvYS5qcGc="), "a", "a.jpg", **NEW),
    sure(layered("$x_!logo!/l_$x"), "a", "a.jpg", "logo", "$x", **NEW),
    sure(layered("d_x:none.png"), "a", "a.jpg", "x/none.png", "x/none", **NEW),
    unsure(
        f"{SHARED}/image/fetch/l_logo/https://else.example/a.jpg",
        *("logo",),
    ),
    # what is asked for by name
    unsure(
        "https://player.cloudinary.com/embed/?cloud_name=demo&public_id=x%2Fdog", "x%2Fdog", "x/dog"
    ),
    unsure(
        "https://api.cloudinary.com/v1_1/demo/image/download?public_id=a.b&format=png",
        *("a.b", "a"),
    ),
    unsure("/api/files/download?public_id=dog", "dog"),
    # hosts
    sure(f"https://demo-res.cloudinary.com/image/upload/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(f"https://res-3.cloudinary.com/demo/image/upload/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(f"http://a2.res.cloudinary.com/demo/image/upload/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(f"https://cloudinary-a.akamaihd.net/demo/image/upload/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(f"https://RES.Cloudinary.com:443/demo/image/upload/{V}/a.jpg", "a", "a.jpg", **NEW),
    sure(
        f"https://img.shop.example/image/upload/{V}/a.jpg",
        *("a", "a.jpg"),
        host="img.shop.example",
        **NEW,
    ),
    sure(
        f"https://img.shop.example/demo/image/upload/{V}/a.jpg",
        *("a", "a.jpg"),
        host="img.shop.example",
        **NEW,
    ),
    # no asset of ours
    unsure(f"https://img.shop.example/image/upload/{V}/a.jpg"),
    unsure(f"https://evil.example/res.cloudinary.com/demo/image/upload/{V}/a.jpg"),
    unsure(f"https://res.cloudinary.com.evil.example/demo/image/upload/{V}/a.jpg"),
    unsure(f"https://res.cloudinary.com@evil.example/demo/image/upload/{V}/a.jpg"),
    unsure(f"{SHARED}/image/fetch/https://else.example/a.jpg"),
    unsure(f"{SHARED}/image/facebook/65646572251.jpg"),
    unsure(f"{SHARED}/image/upload/"),
    unsure(f"{SHARED}/image/upload"),
    unsure(f"{SHARED}/images/only-a-suffix"),
    unsure("https://asset.cloudinary.com/demo/0123456789abcdef"),
    unsure("https://images.example/a.jpg"),
    unsure("f/a"),
    unsure("a"),
    unsure("/image/upload/a.jpg"),
    unsure(""),
]

IN_TEXT = f"{SHARED}/image/upload/{V}"
JSON = rf"https:\/\/res.cloudinary.com\/demo\/image\/upload\/{V}\/x\/1.jpg"
ENTITIES = f"https://res.cloudinary.com/demo/image/upload/{V}/a&amp;b.jpg".replace("/", "&#x2F;")
PLAYER = "https://player.cloudinary.com/embed/"
PLAYER_IN_QUERY = "https%3A%2F%2Fplayer.cloudinary.com%2Fembed%2F%3Fpublic_id%3Ddog%26muted%3D1"
IN_QUERY = "https%3A%2F%2Fres.cloudinary.com%2Fdemo%2Fimage%2Fupload%2Fx%2F1"
# A text with URLs in it, and an asset that it names: in use, and never let go of.
TEXTS = [
    (f'<p>hello</p><img src="{IN_TEXT}/x/1.jpg"> there', "x/1"),
    (f"<img src='{SHARED}/image/upload/w_300,h_200/x/1.jpg'>", "x/1"),
    (f"{IN_TEXT}/hh/3.jpg 2x, https://x", "hh/3"),
    (f"{IN_TEXT}/a.jpg, {IN_TEXT}/hh/3.jpg", "hh/3"),
    (f"{IN_TEXT}/a.jpg,//res.cloudinary.com/demo/image/upload/{V}/hh/3.jpg", "hh/3"),
    (f"![see]({SHARED}/raw/upload/{V}/x/a.pdf), or not", "x/a.pdf"),
    (f"({SHARED}/raw/upload/{V}/x/a.pdf)", "x/a.pdf"),
    (f"{SHARED}/raw/upload/{V}/x_(1) or so", "x_(1)"),
    (f"background:url({IN_TEXT}/x/bg);color:red", "x/bg"),
    (f"a{{background:url({IN_TEXT}/x/(1).png)}}", "x/(1)"),
    (f'{{"image":"{JSON}"}}', "x/1"),
    (f"/_next/image?url={IN_QUERY}&w=640", "x/1"),
    (f"https://me.example/?u={IN_QUERY}", "x/1"),
    (ENTITIES, "a&b"),
    (f"{SHARED}/image/fetch/{IN_TEXT}/x/1.jpg", "x/1"),
    (f"see res.cloudinary.com/demo/image/upload/{V}/x/1.jpg!", "x/1"),
    (f"<img src='{SHARED}/image/upload/l_x:logo,g_north/{V}/a.jpg'>", "x/logo"),
    (f"/_next/image?url={IN_QUERY.replace('x%2F1', 'l_logo%2Cw_9%2Fv1700000000%2Fa')}&w=9", "logo"),
    (f'<iframe src="{PLAYER}?cloud_name=demo&amp;public_id=x%2Fdog&amp;t=1"></iframe>', "x/dog"),
    (rf'{{"src":"{PLAYER}?cloud_name=demo\u0026public_id=dog"}}', "dog"),
    (f"[film]({PLAYER}?public_id=x/dog)", "x/dog"),
    (f"{PLAYER}?source%5Bposter_options%5D%5Bpublic_id%5D=dog", "dog"),
    (f"/go?to={PLAYER_IN_QUERY}", "dog"),
    (f"/go?to={PLAYER_IN_QUERY.replace('dog', 'x%252Fsummer-dog')}", "x/summer-dog"),
    (f"<img src='{SHARED}/image/upload/l_my%252Flogo/{V}/a.jpg'>", "my/logo"),
    (f"<img src='{SHARED}/image/upload/%24v_!logo!/l_$v/{V}/a.jpg'>", "logo"),
    (f"data:image/gif;base64,R0lGOD, {IN_TEXT}/shirt.jpg", "shirt"),
]
