"""/selftest: six checks of this installation with throw-away assets, and what came of each."""

from __future__ import annotations

from fastapi import Request, Response

from mediasweep.http.pages.frame import Frame

# each check, what it shows, and how
CHECKS = {
    "upload_and_sync": (
        "An upload comes into the library",
        "A file is uploaded, is at Cloudinary, has its row, and a notification told of it.",
    ),
    "ui_deletion_sync": (
        "A deletion in the library reaches Cloudinary",
        "A row is deleted as the library does it, and its asset goes.",
    ),
    "database_trigger_sync": (
        "A deletion by plain SQL reaches Cloudinary",
        "A row is deleted at the database, and the trigger sees to its asset.",
    ),
    "cleanup_queue_processing": (
        "What is in use is kept",
        "What is queued by hand is deleted, but not as long as a row uses it.",
    ),
    "scheduler_functionality": (
        "Daemons are at work",
        "At least one beats and deletes, and no gate is closed.",
    ),
    "integrity_verification": (
        "Nothing is left over",
        "Of all that was made here nothing is left, and the guard has its index.",
    ),
}


def add_selftest(frame: Frame) -> None:
    """Add the page."""
    selftest = frame.backend.selftest

    @frame.router.get("/selftest")
    async def selftest_page(request: Request) -> Response:
        """Show what came of each check so far."""
        return frame.show(
            request,
            "selftest.html",
            checks=CHECKS,
            results={one.name: one for one in selftest.report.results},
            running=selftest.task.under_way,
            trouble=selftest.task.trouble,
            began_at=selftest.began_at,
        )
