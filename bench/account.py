"""An account at work: calls of every kind by Cloudinary's own SDK, and what is there afterwards."""

from __future__ import annotations

from random import Random
from typing import Any

import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader

from mediasweep.emulator.client import Cloud

TIMEOUT_S = 30


def work(cloud: Cloud, chance: Random, calls: int, names: int) -> None:
    """Make calls about so many names, many of which find what an earlier one has changed."""
    given = {**cloud.options(), "timeout": TIMEOUT_S}
    known = [f"folder/{n}" for n in range(names)]
    for n in range(calls):
        one, another = chance.sample(known, 2)
        asset = {"public_id": one, "tags": ["red"], "context": {"alt": f"alt {n}"}, "format": "png"}
        try:
            match chance.randrange(9):
                case 0 | 1 | 2 | 3:
                    cloudinary.uploader.upload(b"bytes", **asset, **given)
                case 4:
                    cloudinary.uploader.rename(one, another, overwrite=True, **given)
                case 5:
                    cloudinary.uploader.destroy(one, **given)
                case 6:
                    tag = chance.choice(("red", "blue"))
                    act = (cloudinary.uploader.add_tag, cloudinary.uploader.remove_tag)
                    chance.choice(act)(tag, [one], **given)
                case 7:
                    cloudinary.uploader.add_context({"caption": f"said {n}"}, [one], **given)
                case 8:
                    cloudinary.api.update(one, display_name=f"shown {n}", **given)
        except cloudinary.exceptions.Error:
            pass  # there is none of that name


def there(cloud: Cloud) -> list[dict[str, Any]]:
    """Return what the account has, each as its row of the library shows it, by asset id."""
    given = {**cloud.options(), "timeout": TIMEOUT_S}
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = cloudinary.api.resources(
            type="upload", max_results=500, tags=True, context=True, **given, **cursor
        )
        found += page["resources"]
        if "next_cursor" not in page:
            return sorted(map(_row, found), key=lambda row: str(row["asset_id"]))
        cursor = {"next_cursor": page["next_cursor"]}


def _row(told: dict[str, Any]) -> dict[str, Any]:
    context = told.get("context", {}).get("custom", {})
    return {
        **{name: told[name] for name in ("asset_id", "public_id", "resource_type", "version")},
        "delivery_type": told["type"],
        "folder": told["asset_folder"],
        "display_name": told["display_name"],
        "tags": sorted(told["tags"]),
        "alt_text": context.get("alt"),
        "description": context.get("caption"),
        "url": told["url"],
    }


# the same of the library; what is marked as a ghost is not at Cloudinary
LIBRARY = """
SELECT m.cloudinary_asset_id AS asset_id, m.cloudinary_public_id AS public_id, m.resource_type,
       m.delivery_type, m.cloudinary_version AS version, m.folder, m.display_name, m.tags,
       m.alt_text, m.description, m.url
  FROM public.media_assets m
 WHERE m.deleted_at IS NULL AND m.sync_error_message IS NULL ORDER BY 1
"""
# as if a day had passed since: what is younger is left to the next comparison
A_DAY_LATER = """
CREATE FUNCTION public.later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN new.started_at := new.started_at + interval '25 hours'; RETURN new; END $$;
CREATE TRIGGER later BEFORE INSERT ON mediasweep.reconcile_run
  FOR EACH ROW EXECUTE FUNCTION public.later()
"""
