"""A Cloudinary to try things on: the part of its API that the product uses, for the real SDK.

Imports nothing of the rest of mediasweep. What the documentation leaves open is a switch.
"""
