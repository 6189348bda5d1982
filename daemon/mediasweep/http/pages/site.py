"""All pages. A new one: a file here with its routes, a template, and a line each below; in the
navigation where people look for it.
"""

from __future__ import annotations

from fastapi import FastAPI

from mediasweep.http.access import AccessPolicy
from mediasweep.http.pages.activity import add_activity
from mediasweep.http.pages.deletion import add_deletion
from mediasweep.http.pages.frame import Frame
from mediasweep.http.pages.gates import add_gates
from mediasweep.http.pages.library import add_library
from mediasweep.http.pages.login import add_login
from mediasweep.http.pages.overview import add_overview
from mediasweep.http.pages.queue import add_queue
from mediasweep.http.pages.reconcile import add_reconcile
from mediasweep.http.pages.selftest import add_selftest
from mediasweep.http.pages.static import add_static
from mediasweep.http.pages.tables import add_tables
from mediasweep.http.pages.upload import add_upload
from mediasweep.operations.backend import Backend

NAVIGATION = (
    ("/", "Overview"),
    ("/library", "Library"),
    ("/queue", "Queue"),
    ("/gates", "Gates"),
    ("/reconcile", "Reconcile"),
    ("/tables", "Tables"),
    ("/selftest", "Self-test"),
    ("/activity", "Activity"),
)


def add_pages(app: FastAPI, backend: Backend, access: AccessPolicy) -> Frame:
    """Add the pages; returns their frame, which also shows what went wrong."""
    frame = Frame(backend, access, NAVIGATION)
    add_static(app)
    add_login(frame)
    add_overview(frame)
    add_queue(frame)
    add_gates(frame)
    add_activity(frame)
    add_deletion(frame)
    add_upload(frame)
    add_library(frame)
    add_tables(frame)
    add_reconcile(frame)
    add_selftest(frame)
    app.include_router(frame.router)
    return frame
