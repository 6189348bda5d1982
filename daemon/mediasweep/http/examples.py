"""Answers as they look, for the description of the API: of each route one, by its name."""

from __future__ import annotations

from typing import Any

from mediasweep.http.fragments import (
    AT,
    BRAKE,
    COMPARISON,
    DIGEST,
    DONE,
    ID,
    LIBRARY,
    MOVED,
    NAMED,
    ROW,
    SAID,
    SESSION,
    STATE,
    TESTED,
    VERIFIED,
)

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
        "stats": LIBRARY,
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
        "brake": "you name each of these, so the brake will not hold them",
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
        "message": "1 restored, 1 not: Cloudinary has no backup of it (covers/2)",
        "restored": ["covers/1"],
        "failed": [{"public_id": "covers/2", "error": "Cloudinary has no backup of it"}],
    },
    "media_upload": SAID
    | {
        "data": {
            "asset_id": ID.replace("-", ""),
            "public_id": "covers/9",
            "version": 1772375400,
            "resource_type": "image",
            "type": "upload",
            "format": "png",
            "width": 800,
            "height": 600,
            "bytes": 61234,
            "created_at": AT,
            "tags": ["summer"],
            "url": "http://res.cloudinary.com/demo/image/upload/v1772375400/covers/9.png",
            "secure_url": "https://res.cloudinary.com/demo/image/upload/v1772375400/covers/9.png",
            "folder": "covers",
            "original_filename": "cat.png",
        },
        "database_sync": {
            "success": True,
            "error": None,
            "immediate_sync": True,
            "message": "listed in the library",
            "id": ID,
        },
        "warnings": [],
    },
    "sync_status": SAID
    | {
        "sync_status": {
            "last_sync": AT,
            "is_synced": True,
            "pending_operations": 0,
            "sync_in_progress": False,
            "total_assets": 1,
            "synced_assets": 1,
            "error_assets": 0,
            "last_error": None,
        },
        "stats": LIBRARY,
        "run": COMPARISON,
    },
    "sync": SAID
    | {
        "message": "1 orphan, 0 ghosts, 0 mismatches",
        "data": {
            "synced_items": 1,
            "updated_items": 0,
            "deleted_items": 0,
            "duration_ms": 812,
            "errors": [],
            "error_count": 0,
        },
        "database_setup": {"ready": True, "says": None},
        "run": COMPARISON,
        "would": None,
    },
    "verify_report": VERIFIED,
    "verify": VERIFIED
    | {
        "fixes_applied": True,
        "fix_results": {"fixed_missing_in_database": 1, "fixed_conflicts": 0, "fix_errors": []},
    },
    "selftest_report": TESTED,
    "selftest": TESTED | {"running": False},
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
