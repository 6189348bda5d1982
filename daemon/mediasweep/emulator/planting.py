"""Any number of assets that exist by a rule, and are made when they are looked at.

A million of them take no more memory than ten; what was removed is remembered by its number. In the
order of their numbers they are in the order of their public ids and of their ages, too.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field

from mediasweep.emulator.assets import Asset, Key
from mediasweep.emulator.media import Media, look

DATA = b"planted"
MARK = 8  # hexadecimal digits of an asset id that tell the planting
PLANTED = re.compile(r"[0-9a-f]{32}")
FORMATS = {"image": "png", "video": "mp4"}


@dataclass(slots=True)
class Planting:
    """Assets `prefix` and a number each, from 0, with as many digits as the last one.

    One was made in a second, the newest `age_s` seconds ago. `gone`: numbers that are not there.
    `data`: the file that each of them is. A sequence of assets, those that are gone included.
    """

    prefix: str
    count: int
    resource_type: str = "image"
    age_s: int = 0
    gone: set[int] = field(default_factory=set)
    data: bytes = DATA
    mark: str = field(default_factory=lambda: secrets.token_hex(MARK // 2))
    _first: int = 0
    _seen: Media = field(init=False)

    def __post_init__(self) -> None:
        """Fix the ages, and look at the file."""
        self._seen = look(self.data)
        self._first = int(time.time()) - self.age_s - self.count + 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Asset:
        if not 0 <= number < self.count:
            raise IndexError(number)
        public_id = self.key(number)[2]
        folder, _, name = public_id.rpartition("/")
        return Asset(
            asset_id=f"{self.mark}{number:0{32 - MARK}x}",
            public_id=public_id,
            resource_type=self.resource_type,
            delivery_type="upload",
            version=self._first + number,
            data=self.data,
            format=FORMATS.get(self.resource_type),
            width=self._seen.width,
            height=self._seen.height,
            asset_folder=folder,
            display_name=name,
        )

    def key(self, number: int) -> Key:
        """Return the key of the asset of that number."""
        return self.resource_type, "upload", f"{self.prefix}{number:0{self._digits}d}"

    def has(self, number: int) -> bool:
        """Tell whether the asset of that number is there."""
        return number not in self.gone

    @property
    def left(self) -> int:
        """Return how many are there."""
        return self.count - len(self.gone)

    def find(self, key: Key) -> Asset | None:
        """Return the asset of that key, if it is there."""
        number = self._number(key)
        return None if number is None or number in self.gone else self[number]

    def find_by_id(self, asset_id: str) -> Asset | None:
        """Return the asset of that asset id, which has this planting's mark, if it is there."""
        if not PLANTED.fullmatch(asset_id):
            return None
        number = int(asset_id[MARK:], 16)
        return None if number in self.gone or number >= self.count else self[number]

    def forget(self, key: Key) -> None:
        """Let the asset of that key not be there, if it is one of these."""
        number = self._number(key)
        if number is not None:
            self.gone.add(number)

    @property
    def _digits(self) -> int:
        return len(str(self.count - 1))

    def _number(self, key: Key) -> int | None:
        kind, delivery_type, public_id = key
        digits = public_id.removeprefix(self.prefix)
        fits = (
            (kind, delivery_type) == (self.resource_type, "upload")
            and public_id.startswith(self.prefix)
            and len(digits) == self._digits
            and digits.isascii()
            and digits.isdecimal()
        )
        return int(digits) if fits and int(digits) < self.count else None
