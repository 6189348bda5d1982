"""Keeps a Postgres database and a Cloudinary account in step, in both directions."""

__version__ = "0.1.0"
