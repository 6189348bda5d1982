"""Parts of the examples: a row, a state, a comparison, as they look in answers."""

from __future__ import annotations

from typing import Any

AT = "2026-03-01T14:30:00.123456Z"
ID = "3f0c7a52-6a3e-4a0a-9b0c-0a6f3f0c7a52"
DIGEST = "1-1200-0123456789abcdef0123456789abcdef-900-905-901"
SAID: dict[str, Any] = {"success": True, "timestamp": AT}
ROW: dict[str, Any] = {
    "id": ID,
    "status": "completed",
    "cloudinary_public_id": "covers/1",
    "original_filename": "IMG_1.jpg",
    "resource_type": "image",
    "delivery_type": "upload",
    "deletion_reason": "row_deleted",
    "queued_at": AT,
    "processed_at": AT,
    "due_at": AT,
    "processing_attempts": 1,
    "max_attempts": None,
    "in_doubt": False,
    "error_message": None,
    "actor": "app",
    "app": "web",
    "source": "posts",
}
NAMED: dict[str, Any] = {
    "public_id": "covers/1",
    "resource_type": "image",
    "delivery_type": "upload",
    "bytes": 61234,
}
CONFIG: dict[str, Any] = {
    "interval_minutes": 5,
    "batch_size": 10,
    "max_retries": 3,
    "health_check_interval": 60,
    "concurrency": 8,
    "enabled": True,
    "auto_start": True,
}
STATE: dict[str, Any] = {
    "is_running": True,
    "last_run": AT,
    "next_run": AT,
    "total_processed": 120,
    "total_failed": 3,
    "success_rate": 97.5,
    "queue_size": 2,
    "uptime_minutes": 61.5,
    "daemons": 1,
    "only_looking": 0,
    "config": CONFIG,
    "set_for_all": [],
    "queue_stats": {"pending": 2, "completed": 117, "failed": 3},
}
BRAKE: dict[str, Any] = {
    "source_id": 1,
    "source": "posts",
    "reason": "more than 1,000 rows of posts were let go of within 10 min; 1,200 waited",
    "closed_at": AT,
    "queue_rows": 1200,
    "bytes": 73400320,
    "first_at": AT,
    "last_at": AT,
    "by_whom": [{"actor": "app", "app": "web", "reason": "row_deleted", "rows": 1200}],
    "sample": ["covers/1", "covers/2"],
    "digest": DIGEST,
    "slow": False,
}
DONE: dict[str, Any] = SAID | {"message": "started", "stats": STATE, "config": CONFIG}
MOVED: dict[str, Any] = SAID | {
    "move": "retry",
    "dry_run": False,
    "moved": [ID],
    "refused": [],
    "left": 0,
    "kept": [],
    "cancelled": [],
    "guard": None,
}
SESSION: dict[str, Any] = {
    "success": True,
    "scope": "operate",
    "read_only": False,
    "csrf": "9f2c",
}
COMPARISON: dict[str, Any] = {
    "under_way": False,
    "says": "done",
    "id": 7,
    "state": "done",
    "asked_by": "api@127.0.0.1",
    "started_at": AT,
    "finished_at": AT,
    "listed": 1,
    "calls": 4,
    "reason": None,
    "acted": {"queued": 0, "adopted": 1, "marked": 0, "left": 0},
}
FINDING: dict[str, Any] = {
    "id": 12,
    "kind": "orphan",
    "public_id": "covers/9",
    "resource_type": "image",
    "delivery_type": "upload",
    "bytes": 61234,
    "action": "adopted",
    "acted_at": AT,
}
VERIFIED: dict[str, Any] = SAID | {
    "verification": {
        "cloudinary_count": 2,
        "database_count": 1,
        "missing_in_database": [FINDING],
        "missing_in_cloudinary": [],
        "sync_conflicts": [],
        "recommendations": [],
    },
    "summary": {
        "total_cloudinary_assets": 2,
        "total_database_assets": 1,
        "missing_in_database": 1,
        "missing_in_cloudinary": 0,
        "sync_conflicts": 0,
        "is_perfectly_synced": False,
    },
    "processing_time_ms": 812,
    "report": 7,
    "run": COMPARISON,
    "next": None,
}
TESTED: dict[str, Any] = SAID | {
    "summary": {
        "total_tests": 1,
        "passed": 1,
        "failed": 0,
        "success_rate": 100.0,
        "total_duration_ms": 412,
    },
    "test_results": [
        {
            "test": "upload_and_sync",
            "passed": True,
            "duration_ms": 412,
            "message": "uploaded, listed, and told of by a notification",
        }
    ],
    "running": True,
    "started_at": AT,
    "error": None,
}
LIBRARY: dict[str, Any] = {
    "total_images": 1,
    "total_videos": 0,
    "total_files": 0,
    "total_size": 61234,
}
