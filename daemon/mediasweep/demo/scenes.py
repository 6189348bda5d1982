"""What the demonstration shows: scenes of plain SQL, and what has to become of their assets."""

from __future__ import annotations

from dataclasses import dataclass

from mediasweep.postgres.pool import statements

SQL = statements(__file__)
BULK = 500
SPARE = 5
WITHOUT_ROW = ("demo/after",)  # a row comes to it in a scene


@dataclass(frozen=True, slots=True)
class Scene:
    """Statements of one transaction; afterwards `gone` must be gone and `kept` still there."""

    name: str
    title: str
    gone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """Return the statements."""
        return SQL[self.name]

    @property
    def assets(self) -> tuple[str, ...]:
        """Return every asset that the scene is about."""
        return self.gone + self.kept


SCENES = (
    Scene("picture", "the row of a picture deleted", gone=("demo/picture",)),
    Scene("film", "the row of a film deleted", gone=("demo/film",)),
    Scene("spreadsheet", "the row of a raw file deleted", gone=("demo/table.csv",)),
    Scene(
        "bulk",
        f"{BULK} rows deleted in one statement",
        gone=tuple(f"demo/bulk/{n}" for n in range(BULK)),
    ),
    Scene("soft", "a row soft-deleted", gone=("demo/soft",)),
    Scene("undeleted", "a row soft-deleted and brought back", kept=("demo/undeleted",)),
    Scene("changed", "a row's file replaced by another", gone=("demo/before",)),
    Scene("shared", "a row deleted whose file an article uses", kept=("demo/shared",)),
)
