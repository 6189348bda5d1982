"""A self-test: what is uploaded for it, and what came of each check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

FOLDER = "mediasweep-selftest"
# one black pixel
GIF = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check, in a sentence."""

    name: str
    passed: bool
    duration_ms: int
    message: str

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "test": self.name,
            "passed": self.passed,
            "duration_ms": self.duration_ms,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """What an account does where its documentation leaves it open."""

    question: str
    seen: str


@dataclass(slots=True)
class SelftestReport:
    """What came of all checks, and of a probe if there was one."""

    results: list[CheckResult] = field(default_factory=list)
    probed: list[Seen] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """Return how many passed."""
        return sum(one.passed for one in self.results)

    def plain(self, now: datetime) -> Mapping[str, Any]:
        """Return it in the shape of `POST /api/test-bidirectional-sync`."""
        total = len(self.results)
        return {
            "success": self.passed == total,
            "summary": {
                "total_tests": total,
                "passed": self.passed,
                "failed": total - self.passed,
                "success_rate": round(100 * self.passed / total, 2) if total else 0.0,
                "total_duration_ms": sum(one.duration_ms for one in self.results),
            },
            "test_results": [one.plain() for one in self.results],
            "probe": [asdict(one) for one in self.probed],
            "timestamp": now,
        }
