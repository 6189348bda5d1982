"""POST /api/cloudinary/upload: a file becomes an asset and its row of the library, or neither.

It goes on to Cloudinary while it comes in. Whatever breaks that off leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from mediasweep.http.body import UPLOAD
from mediasweep.http.examples import like
from mediasweep.http.form import FILE, Form
from mediasweep.http.models import RequestModel, ResponseModel, Text
from mediasweep.http.overview import BIGINT_MOST
from mediasweep.http.problem import RETRY_AFTER_S
from mediasweep.operations.backend import Backend
from mediasweep.operations.upload import Uploaded, UploadError, upload
from mediasweep.rules.number import size
from mediasweep.rules.outcome import Outcome
from mediasweep.rules.upload import PART, UploadNameError, UploadOptions

OVERHEAD = 2**18  # bytes of a form that are not the file
TURN_WITHIN_S = 30.0
Id = Annotated[int, Field(ge=1, le=BIGINT_MOST)]


def _tags(said: object) -> object:
    """Read tags as the origin's form has them, as JSON, or separated by commas."""
    if not isinstance(said, str):
        return said
    if said.lstrip().startswith("["):
        try:
            return json.loads(said)
        except (json.JSONDecodeError, RecursionError):
            raise ValueError("has to be a list in JSON, or separated by commas") from None
    return [tag.strip() for tag in said.split(",") if tag.strip()]


class UploadRequest(RequestModel):
    """The fields of the form but for the file; one that is empty is not there."""

    folder: Text = ""
    public_id: Text | None = Field(
        default=None, description="Within the folder; else it is unguessable."
    )
    tags: Annotated[list[Text], BeforeValidator(_tags)] = Field(
        default=[], max_length=100, description='Separated by commas, or JSON, as in ["summer"].'
    )
    resource_type: Literal["image", "video", "raw", ""] | None = None  # as a form leaves it out
    overwrite: bool = Field(default=False, description="An asset of the library is replaced.")
    description: Text | None = None
    alt_text: Text | None = None
    document_type: Text | None = Field(default=None, description="Kept as context at Cloudinary.")
    personnel_id: Id | None = None
    document_id: Id | None = None
    uploaded_by: UUID | None = None

    def wanted(self, filename: str) -> UploadOptions:
        """Return it as the operation takes it."""
        context = {"caption": self.description, "alt": self.alt_text}
        context |= {"document_type": self.document_type}
        owner = {"uploaded_by": self.uploaded_by, "used_in_personnel": self.personnel_id}
        owner |= {"used_in_documents": self.document_id}
        return UploadOptions(
            filename or FILE,
            folder=self.folder,
            name=self.public_id,
            resource_type=self.resource_type or None,
            overwrite=self.overwrite,
            tags=tuple(self.tags),
            context={name: said for name, said in context.items() if said},
            owner={name: said for name, said in owner.items() if said is not None},
        )


class UploadedAsset(BaseModel):
    """The asset, as Cloudinary told of it."""

    asset_id: str
    public_id: str
    version: int | None = None
    resource_type: str
    type: str
    format: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    created_at: datetime | None = None
    tags: list[str]
    url: str | None = None
    secure_url: str | None = None
    folder: str | None = None
    original_filename: str


class DatabaseSync(BaseModel):
    """Its row of the library, which is there whenever this is answered."""

    success: bool = True
    error: str | None = None
    immediate_sync: bool = True
    message: str = "listed in the library"
    id: UUID


class UploadDone(ResponseModel):
    """What came of it."""

    data: UploadedAsset
    database_sync: DatabaseSync
    warnings: list[str] = Field(default=[])


def _form() -> dict[str, Any]:
    schema = UploadRequest.model_json_schema()
    schema["properties"] = {FILE: {"type": "string", "format": "binary"}, **schema["properties"]}
    schema["required"] = [FILE]
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def add_upload(router: APIRouter, backend: Backend) -> None:
    """Add the route."""
    path, answers = UPLOAD.removeprefix(router.prefix), like("media_upload")

    @router.post(path, tags=["media"], responses=answers, openapi_extra=_form())
    async def media_upload(request: Request) -> UploadDone:
        """Upload a file, and list it in the library."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > backend.upload_most + OVERHEAD:
            raise HTTPException(413, f"the file is over {size(backend.upload_most)}")
        async with _turn(backend):
            kind = request.headers.get("content-type", "")
            form = Form(kind, request.stream(), backend.upload_most)
            await form.begin(PART)
            wanted = _read(form)
            done = await _upload(backend, form, wanted, request.state.visitor.who)
        return _told(done, wanted)


@asynccontextmanager
async def _turn(backend: Backend) -> AsyncIterator[None]:
    """Wait until it may be in memory; what its sender has to send stays there meanwhile."""
    try:
        async with asyncio.timeout(TURN_WITHIN_S):
            await backend.uploads.acquire()
    except TimeoutError:
        said = "other uploads are under way"
        raise HTTPException(503, said, {"Retry-After": RETRY_AFTER_S}) from None
    try:
        yield
    finally:
        backend.uploads.release()


def _read(form: Form) -> UploadOptions:
    try:
        asked = UploadRequest.model_validate({k: said for k, said in form.fields.items() if said})
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    return asked.wanted(form.filename or "")


async def _upload(backend: Backend, form: Form, wanted: UploadOptions, who: str) -> Uploaded:
    try:
        return await upload(backend.pool, backend.account, form.read, wanted, who=who)
    except UploadNameError as error:
        raise HTTPException(400, str(error)) from error
    except UploadError as error:
        if error.answer and error.answer.outcome is Outcome.REJECTED:
            raise HTTPException(400, str(error)) from error
        raise HTTPException(503, str(error), {"Retry-After": RETRY_AFTER_S}) from error


def _told(done: Uploaded, wanted: UploadOptions) -> UploadDone:
    told: dict[str, Any] = {name: done.response.get(name) for name in UploadedAsset.model_fields}
    told |= {"asset_id": done.asset_id, "public_id": done.public_id, "type": done.delivery_type}
    told |= {"resource_type": done.resource_type, "original_filename": wanted.filename}
    told |= {"tags": told["tags"] or [], "folder": told["folder"] or wanted.folder or None}
    return UploadDone(data=UploadedAsset(**told), database_sync=DatabaseSync(id=done.row))
