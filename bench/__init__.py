"""Measurements of the product against what it could be at best. Nothing here is asserted."""
