"""What Cloudinary's documentation leaves open, or an account can set: one switch each.

The defaults are the likeliest. A switch is turned by the control API and holds from then on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Switches:
    """The switches of one cloud, in groups.

    **Keys.** revoked: no key works. other_key, other_secret: a second pair that works as well, for
    another application or a person at the console. hook_key, hook_secret: what notifications are
    signed with, where that is not the account's first key. sha256_only: signatures have to be.

    **Destroy.** concurrency: how many may be at work at once, 0 for any number; the surplus is
    answered `concurrency_status`, with Retry-After if `retry_after_s` is not 0. asset_id_road:
    POST /asset/destroy exists. asset_id_in_destroy: so does `asset_id` in place of `public_id`.
    stale_status: of a request older than an hour. not_found_status: 200 with a result, or 404 with
    an error. destroy_tells_folder: its answer has `asset_folder`. case_sensitive: public ids are.

    **Upload.** overwrite_keeps_asset_id: by a new upload to an old public id. rename_taken_status:
    of a rename to an id that another asset has. chunk_smallest: bytes of a chunk that is not the
    last. chunks_first_first: the first chunk has to come before the others. chunk_life_s: how long
    an unfinished upload is kept after its newest chunk.

    **Backups.** backup: what is uploaded from now on is kept when destroyed, unless the upload says
    otherwise. placeholders: such an asset is still told of, with no bytes. placeholders_listed: in
    listings too. restore_there: what becomes of a restore where an asset is: nothing, and it is
    told as it is ("asset"), "overwrite", or another text, which is the error.
    restore_tells_public_ids: the answer to a restore by asset ids has public ids as its keys.

    **Admin API.** admin_limit: calls in `admin_window_s`, which is an hour. many_ids_status: of a
    call that names too many ids. delete_tells_public_ids: the answer to a delete by asset ids has
    public ids as its keys. offset_cursors: a cursor is a number of assets to skip, so that what is
    deleted or uploaded meanwhile makes a listing miss or repeat others; without it, the place of
    the last one told.

    **Notifications.** hook_sha256: signed so, rather than SHA-1. hook_resigned: a further attempt
    has a timestamp and signature of its own. hook_speed: so many times sooner than at Cloudinary
    are failed ones tried again. hook_timeout_s: seconds to wait for an answer. hook_in_order: one
    at a time, in the order in which it happened. hook_context: a body says who did it and who
    signed, which older accounts leave out. delete_batch: how many assets one `delete` names, 0 for
    all of the call. restore_event: what a restore is told as, "" for not at all.
    """

    revoked: bool = False
    other_key: str = ""
    other_secret: str = ""
    hook_key: str = ""
    hook_secret: str = ""
    sha256_only: bool = False

    concurrency: int = 0
    concurrency_status: int = 420
    retry_after_s: int = 0
    asset_id_road: bool = True
    asset_id_in_destroy: bool = True
    stale_status: int = 400
    not_found_status: int = 200
    destroy_tells_folder: bool = False
    case_sensitive: bool = True

    overwrite_keeps_asset_id: bool = True
    rename_taken_status: int = 400
    chunk_smallest: int = 5 * 2**20
    chunks_first_first: bool = False
    chunk_life_s: int = 86400

    backup: bool = False
    placeholders: bool = True
    placeholders_listed: bool = False
    restore_there: str = "asset"
    restore_tells_public_ids: bool = False

    admin_limit: int = 500
    admin_window_s: int = 3600
    many_ids_status: int = 400
    delete_tells_public_ids: bool = False
    offset_cursors: bool = False

    hook_sha256: bool = False
    hook_resigned: bool = True
    hook_speed: int = 1
    hook_timeout_s: int = 20
    hook_in_order: bool = True
    hook_context: bool = True
    delete_batch: int = 0
    restore_event: str = "upload"
