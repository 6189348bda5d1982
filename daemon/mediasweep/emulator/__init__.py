"""A Cloudinary to try things on: the part of its API that the product uses, for the real SDK.

Imports nothing of the rest of mediasweep. What the documentation leaves open is a switch
(`switches.py`). Everything is held in memory and gone with the process; delivery URLs are plain
http, to the emulator itself, which transforms nothing. Clouds, faults, notifications and assets by
the million are steered by the controls (`control.py`), most easily through `client.py`.

**Upload API**: upload (whole, in chunks, unsigned by a preset), destroy, rename, explicit, tags,
context, metadata. **Admin API**: ping, config, usage, resources (by type, prefix, age, ids, tag,
context, moderation, folder; details), update, delete (by ids, prefix, tag, all; backups), restore,
folders, metadata fields, upload presets, triggers. **Notifications** of all of these.

Not there, and a 404: search, transformations and what is derived, archives, streaming profiles,
related assets. A `poll://` destination is taken and never filled, the filter of a trigger is not
looked at, URLs are not fetched, and folders are dynamic.
"""
