"""Answers as they look, for the description of the API: of each route one, by its name."""

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
    "config": CONFIG,
    "set_for_all": [],
    "queue_stats": {"pending": 2, "completed": 117, "failed": 3},
}
BRAKE: dict[str, Any] = {
    "source_id": 1,
    "source": "posts",
    "reason": "1200 assets of posts were let go of within 10 minutes, the limit is 1000",
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
}
SESSION: dict[str, Any] = {
    "success": True,
    "scope": "operate",
    "read_only": False,
    "csrf": "9f2c",
}
ANSWERS: dict[str, dict[str, Any]] = {
    "who_am_i": SESSION,
    "log_in": SESSION,
    "cleanup_status": SAID
    | {
        "stats": {
            "total": 122,
            "pending": 2,
            "processing": 0,
            "completed": 117,
            "failed": 3,
            "skipped": 0,
        },
        "recent_items": [ROW],
        "has_pending": True,
    },
    "cleanup_process": SAID
    | {
        "message": "1 processed",
        "processed": 1,
        "failed": 0,
        "success_rate": 100.0,
        "items": [
            {
                "id": ID,
                "public_id": "covers/1",
                "status": "completed",
                "error": None,
                "cloudinary_response": {"result": "ok"},
            }
        ],
    },
    "scheduler_status": SAID | {"scheduler": STATE},
    "scheduler_act": DONE,
    "scheduler_configure": DONE,
    "scheduler_stop": DONE,
    "media_list": SAID
    | {
        "items": [{"id": ID, "cloudinary_public_id": "covers/1", "resource_type": "image"}],
        "pagination": {
            "page": 1,
            "limit": 50,
            "total": 1,
            "pages": 1,
            "has_next": False,
            "has_prev": False,
        },
        "stats": {"total_images": 1, "total_videos": 0, "total_files": 0, "total_size": 61234},
        "sync_status": {"synced": 1, "pending": 0, "error": 0, "last_synced_at": AT},
        "database_setup": {"ready": True, "says": None},
    },
    "media_delete": SAID
    | {
        "success": False,
        "message": "1 deleted, 1 queued, 1 failed",
        "deleted": ["covers/1"],
        "queued": [{"public_id": "covers/2", "queue_id": ID}],
        "failed": [
            {
                "public_id": "covers/3",
                "error": "in use by posts 7",
                "cloudinary_success": False,
                "database_success": True,
                "cloudinary_error": "in use by posts 7",
            }
        ],
        "verified": ["covers/1"],
    },
    "media_plan": SAID
    | {
        "items": [
            NAMED | {"becomes": "deleted", "why": [], "done": False},
            NAMED | {"becomes": "kept", "why": ["in use by public.posts id=7"], "done": False},
        ],
        "unknown": ["covers/9"],
        "holds": [],
        "brake": "named one by one, these are confirmed, and pass the brake",
        "guard": None,
    },
    "media_deleted": SAID
    | {
        "items": [
            NAMED
            | {
                "id": ID,
                "deleted_at": AT,
                "taken": False,
                "queue_id": ID,
                "status": "completed",
                "said": None,
            }
        ],
        "next": None,
    },
    "media_restore": SAID
    | {
        "success": False,
        "message": "1 restored, 1 not: Cloudinary has no backup of it",
        "restored": ["covers/1"],
        "failed": [{"public_id": "covers/2", "error": "Cloudinary has no backup of it"}],
    },
    "queue_list": SAID | {"items": [ROW], "next": "1772375400123456-" + ID.replace("-", "")},
    "queue_show": SAID
    | {"why": "deleted", "reasons": [], "row": ROW, "timeline": [{"at": AT, "event": "claimed"}]},
    "queue_retry": MOVED,
    "queue_cancel": MOVED | {"move": "cancel"},
    "brake_show": SAID | {"brakes": [BRAKE]},
    "brake_look": SAID
    | {"brake": BRAKE, "looked": 1200, "kept": {ID: "in use by posts 7"}, "guard": None},
    "brake_ack": SAID | {"acknowledged": 1200, "digest": DIGEST},
    "status": SAID
    | {
        "environment": {"differences": [], "copied": False, "standby": False, "guard": None},
        "capture": [],
        "strays": [],
        "rows": {"completed": 117},
        "due": {"rows": 0, "oldest_seconds": None, "in_doubt": 0, "fallback": 0, "failed": 0},
        "waiting": [],
        "protected": [],
        "gates": [],
        "daemons": [],
    },
    "tables": SAID | {"tables": [{"source": 1, "table": "posts", "unfinished": 0}], "strays": []},
    "activity_list": SAID
    | {"items": [{"id": 7, "at": AT, "event": "recorded", "outcome": "deleted"}], "next": None},
}


def like(name: str) -> dict[int | str, dict[str, Any]]:
    """Return the good answer of a route, as its decorator takes it."""
    return {200: {"content": {"application/json": {"example": ANSWERS[name]}}}}
