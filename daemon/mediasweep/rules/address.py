"""How the addresses of the database and of the account are read.

An address holds a password: what is wrong with one is said without a word of it.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

DELIVERY = "https://*.cloudinary.com"  # res.cloudinary.com, or an account's own name there


def credentials(cloud: str, key: str, secret: str, prefix: str | None) -> dict[str, str | None]:
    """Return what names an account and proves that one may use it."""
    return {"cloud_name": cloud, "api_key": key, "api_secret": secret, "upload_prefix": prefix}


def read_cloudinary_url(url: str) -> dict[str, str | None]:
    """Return the credentials in a CLOUDINARY_URL; raises ValueError if it is none."""
    try:
        parts = urlsplit(url.removeprefix("CLOUDINARY_URL="))  # as the console has it to copy
        login, _, cloud = parts.netloc.rpartition("@")
        key, _, secret = login.partition(":")
        good = parts.scheme == "cloudinary" and all((key, secret, cloud)) and "<" not in url
        prefix = parse_qs(parts.query).get("upload_prefix", [None])[0]
    except ValueError:  # its message may hold the secret
        good = False
    if not good:
        raise ValueError("CLOUDINARY_URL must be cloudinary://key:secret@cloud")
    return credentials(cloud, key, secret, prefix)


def delivery(prefix: str | None) -> str:
    """Return from where assets are delivered: by Cloudinary, or by what stands in for it."""
    parts = urlsplit(prefix or "")
    if not parts.hostname or parts.hostname.endswith("cloudinary.com"):
        return DELIVERY
    return f"{parts.scheme}://{parts.netloc}"


def checked_dsn(name: str, dsn: str) -> str:
    """Return a database's address as it is; raises ValueError if it is none."""
    try:
        parts = urlsplit(dsn)
        good = parts.scheme in {"postgresql", "postgres"} and (parts.port or 1) > 0
        good = good and "@" not in parts.path and not parts.fragment
    except ValueError:  # its message may hold the password
        good = False
    if not good:
        raise ValueError(
            f"{name} must be postgresql://user:password@host:port/database; "
            "write @ : / # in the password as %40 %3A %2F %23"
        )
    if "pgbouncer" in parse_qs(parts.query, keep_blank_values=True):
        raise ValueError(f"{name}: remove pgbouncer=…, which PostgreSQL does not know")
    return dsn


def shown(dsn: str) -> str:
    """Return where a DSN leads, without user, password or options."""
    try:
        parts = urlsplit(dsn)
        if not parts.scheme.startswith("postgres") or "@" in parts.path + parts.fragment:
            return "an address that cannot be read"
        return f"{parts.hostname or 'local socket'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "an address that cannot be read"
