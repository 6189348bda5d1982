"""The Cloudinary SDK, imported once for all who call it.

It reads CLOUDINARY_URL as it is imported, and one that it cannot read ends the import. Every call
is given its credentials, so it is imported without that address then: what is wrong with it is said
by the settings, in a line, and only where an account is needed.
"""

from __future__ import annotations

import os

try:
    import cloudinary
except ValueError:
    _url = os.environ.pop("CLOUDINARY_URL")
    import cloudinary

    os.environ["CLOUDINARY_URL"] = _url
import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
from cloudinary.api_client.call_api import call_json_api
from cloudinary.utils import build_upload_params, get_http_connector, now

__all__ = ["build_upload_params", "call_json_api", "cloudinary", "get_http_connector", "now"]
