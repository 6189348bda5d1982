"""A form with one file in it, read as far as it is asked for: no file is in memory as a whole.

What has to be known before the file can be sent may stand behind it as long as the file is small.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from mediasweep.rules.number import size

FILE = "file"
FIELDS_MOST = 20
FIELD_MOST = 10_000  # bytes of its value
PIECE_WITHIN_S = 30.0  # a line that stands still for longer is given up
ALL_WITHIN_S = 3600.0
FORM_TYPE = b"multipart/form-data"


class Form:
    """The fields by their names, and the file. Whatever is wrong with it is an HTTPException."""

    def __init__(self, content_type: str, stream: AsyncIterator[bytes], most: int) -> None:
        """Read a stream with such a header; the file may have so many bytes."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != FORM_TYPE or not boundary:
            raise HTTPException(400, "send the file in a form: Content-Type multipart/form-data")
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._stream, self._most = stream, most
        self._file, self._length = bytearray(), 0
        self._header, self._said = (bytearray(), bytearray()), dict[bytes, bytes]()
        self._name, self._value = FILE, bytearray()
        self._begun = self._ended = False
        self._until_s = time.monotonic() + ALL_WITHIN_S
        self._parser = self._reader(boundary)

    def _reader(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._said.clear,
                    "on_header_field": lambda data, at, end: self._header[0].extend(data[at:end]),
                    "on_header_value": lambda data, at, end: self._header[1].extend(data[at:end]),
                    "on_header_end": self._on_header,
                    "on_headers_finished": self._on_part,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise HTTPException(400, f"this form cannot be read: {error}") from error

    async def begin(self, ahead: int) -> None:
        """Read all, but no more than so many bytes of the file."""
        while not self._ended and len(self._file) < ahead:
            await self._more()
        if self.filename is None:
            raise HTTPException(400, f"there is no file in this form: name it {FILE}")
        if not self._file:
            raise HTTPException(400, "there is nothing in the file")
        self._begun = True

    async def read(self, most: int) -> bytes:
        """Return as many bytes of the file as are asked for, less only at its end."""
        while not self._ended and len(self._file) < most:
            await self._more()
        data = bytes(self._file[:most])
        del self._file[:most]
        return data

    async def _more(self) -> None:
        try:
            async with asyncio.timeout(min(PIECE_WITHIN_S, self._until_s - time.monotonic())):
                piece = await anext(self._stream, b"")
        except TimeoutError:
            raise HTTPException(408, "the form did not come in time") from None
        except ClientDisconnect:
            raise HTTPException(400, "this form breaks off") from None
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise HTTPException(400, f"this form cannot be read: {error}") from error
        if not piece and not self._ended:
            raise HTTPException(400, "this form breaks off")

    def _on_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._said[name.lower()] = value
        for part in self._header:
            part.clear()

    def _on_part(self) -> None:
        _, options = parse_options_header(self._said.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        named = options.get(b"filename")
        if self._begun:
            raise HTTPException(400, f"put {FILE} last in the form: a field came after it")
        if (named is not None) != (self._name == FILE):
            raise HTTPException(400, f"the file, and nothing else, is named {FILE}")
        if self._name in self.fields or (named is not None and self.filename is not None):
            raise HTTPException(400, f"{self._name} is there twice")
        if len(self.fields) >= FIELDS_MOST:
            raise HTTPException(400, f"more than {FIELDS_MOST} fields")
        if named is not None:
            self.filename = named.decode("utf-8", "replace")

    def _on_data(self, data: bytes, at: int, end: int) -> None:
        if self._name != FILE:
            self._value += data[at:end]
            if len(self._value) > FIELD_MOST:
                raise HTTPException(400, f"{self._name} is over {FIELD_MOST} bytes")
            return
        self._length += end - at
        if self._length > self._most:
            raise HTTPException(413, f"the file is over {size(self._most)}")
        self._file += data[at:end]

    def _on_part_end(self) -> None:
        if self._name != FILE:
            try:
                self.fields[self._name] = self._value.decode()
            except UnicodeDecodeError:
                raise HTTPException(400, f"{self._name} is not UTF-8") from None
        self._value.clear()

    def _on_end(self) -> None:
        self._ended = True
