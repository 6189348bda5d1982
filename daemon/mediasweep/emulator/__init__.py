"""A Cloudinary to try things on: the part of its API that the product uses, for the real SDK.

Imports nothing of the rest of mediasweep. What the documentation leaves open is a switch.
Everything is held in memory and gone with the process; delivery URLs are plain http, to the
emulator itself.
"""
