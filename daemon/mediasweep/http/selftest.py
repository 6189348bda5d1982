"""GET and POST /api/test-bidirectional-sync: the self-test, begun and looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from mediasweep.http.examples import like
from mediasweep.http.models import ResponseModel
from mediasweep.operations.backend import Backend

PATH = "/test-bidirectional-sync"
WITHIN_S = 25.0


class TestSummary(BaseModel):
    """The checks so far, in figures; `success_rate` in percent."""

    total_tests: int
    passed: int
    failed: int
    success_rate: float
    total_duration_ms: int


class TestResult(BaseModel):
    """What came of one check, in a sentence."""

    test: str
    passed: bool
    duration_ms: int
    message: str


class TestReport(ResponseModel):
    """The last self-test of this daemon; `success`: none failed so far; `error` broke it off."""

    summary: TestSummary
    test_results: list[TestResult]
    running: bool
    started_at: datetime | None
    error: str | None


def add_selftest(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    def told() -> TestReport:
        plain = dict(backend.selftest.report.plain(datetime.now(UTC)))
        del plain["probe"]
        task = backend.selftest.task
        return TestReport(
            **plain,
            running=task.under_way,
            started_at=backend.selftest.began_at,
            error=str(task.trouble) if task.trouble else None,
        )

    @router.get(PATH, tags=["selftest"], responses=like("selftest_report"))
    async def selftest_report() -> TestReport:
        """Tell what came of the last self-test of this daemon, or how far it is."""
        return told()

    @router.post(PATH, tags=["selftest"], responses=like("selftest"))
    async def selftest(request: Request) -> TestReport:
        """Test with throw-away assets whether all works; it goes on without you after 25 s."""
        backend.selftest.begin(request.state.visitor.who)
        await backend.selftest.task.wait(WITHIN_S)
        return told()
