"""Sending notifications to a daemon as Cloudinary does, and as somebody would who has no secret."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from hypothesis import strategies as st

from tests.daemons import Daemon

PATH = "/webhooks/cloudinary"
OFTEN_USED = "0123456789abcdefABCDEF+-. é"
Request = tuple[bytes, str | None, str | None]


class Sender:
    """Signs bodies and sends them to a daemon."""

    def __init__(self, daemon: Daemon, secret: str) -> None:
        self._place = urlsplit(daemon.address).netloc
        self.secret = secret

    def signed(self, body: bytes, ahead_s: int = 0, by: str = "sha1") -> tuple[str, str]:
        """Return timestamp and signature."""
        timestamp = str(int(time.time()) + ahead_s)
        text = body + timestamp.encode() + self.secret.encode()
        return timestamp, hashlib.new(by, text).hexdigest()

    def send(
        self, body: bytes | Iterator[bytes], timestamp: str | None, signature: str | None
    ) -> tuple[int, str]:
        """Send a body, and return the status and what was said."""
        given = {"X-Cld-Timestamp": timestamp, "X-Cld-Signature": signature}
        headers = {k: v.encode() for k, v in given.items() if v is not None}
        connection = http.client.HTTPConnection(self._place, timeout=30)
        try:
            connection.request("POST", PATH, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["result"]
        except OSError:  # it was refused before all of it was sent
            return 413, "too_large"
        finally:
            connection.close()

    def genuine(self, body: bytes) -> tuple[int, str]:
        """Send a body as it should be."""
        return self.send(body, *self.signed(body))


@dataclass(frozen=True, slots=True)
class Forger:
    """Makes of a genuine notification one that is not, by what hypothesis draws."""

    data: st.DataObject
    sender: Sender
    body: bytes

    def forged(self) -> Request:
        """Return a request that is not genuine, and is not the genuine one."""
        hashed = self.data.draw(st.sampled_from(["sha1", "sha256"]))
        timestamp, signature = self.sender.signed(self.body, by=hashed)
        ways = (self._bytes, self._digits, self._time, self._timestamp, self._hash, self._signature)
        made = self.data.draw(st.sampled_from(ways))(timestamp, signature)
        return made if made != (self.body, timestamp, signature) else (self.body, timestamp, None)

    def _bytes(self, timestamp: str, signature: str) -> Request:
        at, gone = self.data.draw(st.tuples(st.integers(0, len(self.body) - 1), st.integers(0, 3)))
        piece = self.data.draw(st.binary(max_size=3))
        return self.body[:at] + piece + self.body[at + gone :], timestamp, signature

    def _digits(self, _: str, __: str) -> Request:
        moved = self.data.draw(st.integers(1, 9))
        body = self.body + b"1234567890"
        timestamp, signature = self.sender.signed(body)
        if self.data.draw(st.booleans()):
            return body + timestamp[:moved].encode(), timestamp[moved:], signature
        return body[:-moved], body[-moved:].decode() + timestamp, signature

    def _time(self, _: str, __: str) -> Request:
        off_s = self.data.draw(st.integers(1210, 10**8)) * self.data.draw(st.sampled_from([1, -1]))
        return self.body, *self.sender.signed(self.body, off_s)

    def _timestamp(self, timestamp: str, signature: str) -> Request:
        return self.body, self._other(str(int(timestamp) + 1), 12), signature

    def _hash(self, timestamp: str, _: str) -> Request:
        by = self.data.draw(st.sampled_from(["md5", "sha512", "sha384", "sha3_256", "sha224"]))
        secret = self.data.draw(st.just(self.sender.secret) | st.text(max_size=8))
        by = by if secret == self.sender.secret else self.data.draw(st.sampled_from(["sha1", by]))
        text = self.body + timestamp.encode() + secret.encode()
        made = hashlib.new(by, text, usedforsecurity=False).hexdigest()
        return self.body, timestamp, made[: self.data.draw(st.sampled_from([len(made), 40, 64]))]

    def _signature(self, timestamp: str, signature: str) -> Request:
        return self.body, timestamp, self._other(signature.upper(), 70)

    def _other(self, likely: str, length: int) -> str | None:
        texts = st.text(OFTEN_USED, max_size=length).map(str.strip)
        return self.data.draw(st.none() | st.just(likely) | texts)
