"""The decisions of the migration runner: what to apply, and when to refuse."""

import re
from hashlib import sha256

import pytest

from mediasweep.postgres.migrate import (
    File,
    check_fits,
    check_not_newer,
    read_schema,
    schema_folder,
    script,
    to_apply,
)
from mediasweep.rules.failures import SchemaError

ONE = File("migrations/0001_a.sql", "one", once=True)
TWO = File("migrations/0002_b.sql", "two", once=True)
CLAIM = File("functions/claim.sql", "claim", once=False)
GUARD = File("functions/guard.sql", "guard", once=False)
LIBRARY = File("library.sql", "library", once=True)
SCHEMA = [ONE, TWO, CLAIM, GUARD]
CHANGED = "0" * 64
NEWER = {"migrations/0003_c.sql": CHANGED}


def applied(*files: File, **changed: str) -> dict[str, str]:
    """Return a ledger that holds the files as they are."""
    return {file.name: file.sha256 for file in files} | changed


def test_the_ledger_keeps_the_digest_of_the_text() -> None:
    """A file's digest is that of its bytes, and follows every change of them."""
    text = "-- Prüfung\n"
    expected = sha256(text.encode("utf-8")).hexdigest()
    assert expected == File("functions/a.sql", text, once=False).sha256
    assert expected != File("functions/a.sql", text + " ", once=False).sha256


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ({}, SCHEMA),
        (applied(*SCHEMA), []),
        (applied(ONE, CLAIM, GUARD), [TWO]),
        (applied(ONE, TWO), [CLAIM, GUARD]),
        (applied(ONE, TWO, GUARD), [CLAIM]),
        (applied(*SCHEMA) | {GUARD.name: CHANGED}, [GUARD]),
        (applied(ONE, CLAIM) | {GUARD.name: CHANGED}, [TWO, GUARD]),
        # what this version has no longer, or was not asked about, is left alone
        (applied(*SCHEMA) | {"functions/gone.sql": CHANGED}, []),
        (applied(*SCHEMA, LIBRARY), []),
        (applied(*SCHEMA) | {LIBRARY.name: CHANGED}, []),
    ],
)
def test_what_is_missing_or_changed_is_applied(
    ledger: dict[str, str], expected: list[File]
) -> None:
    """Migrations are applied once and functions whenever they changed, in the given order."""
    assert expected == to_apply(SCHEMA, ledger)


@pytest.mark.parametrize("once", [ONE, TWO, LIBRARY])
def test_a_changed_migration_is_refused(once: File) -> None:
    """A migration that is not the one that was applied is named, and nothing else is applied."""
    ledger = applied(*SCHEMA, LIBRARY) | {once.name: CHANGED, CLAIM.name: CHANGED}
    with pytest.raises(SchemaError, match=f"^{re.escape(once.name)} changed after it was applied"):
        to_apply([*SCHEMA, LIBRARY], ledger)


def test_every_changed_migration_is_named() -> None:
    """Several changed migrations are told at once."""
    with pytest.raises(SchemaError, match=re.escape(f"{ONE.name}, {TWO.name} changed")):
        to_apply(SCHEMA, {ONE.name: CHANGED, TWO.name: CHANGED})


@pytest.mark.parametrize("check", [to_apply, check_not_newer, check_fits])
@pytest.mark.parametrize("ledger", [NEWER, applied(*SCHEMA) | NEWER])
def test_a_newer_schema_is_refused(check: object, ledger: dict[str, str]) -> None:
    """An old version neither changes a newer database nor works on it."""
    assert callable(check)
    with pytest.raises(SchemaError, match=r"newer than this version \(it has .*0003_c\.sql\)"):
        check(SCHEMA, ledger)


@pytest.mark.parametrize(
    "ledger",
    [
        applied(*SCHEMA),
        applied(*SCHEMA, LIBRARY),
        # a replica of the next release has brought its functions already
        applied(*SCHEMA) | {CLAIM.name: CHANGED},
        applied(*SCHEMA) | {"functions/new.sql": CHANGED},
    ],
)
def test_a_daemon_works_on_a_schema_that_fits(ledger: dict[str, str]) -> None:
    """A database fits that has every file of this version, and no migration beyond."""
    check_fits(SCHEMA, ledger)
    check_not_newer(SCHEMA, ledger)


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        (
            {},
            "this database has no schema of mediasweep that this role may see: run `mediasweep ",
        ),
        (applied(ONE), f"this database has not got {TWO.name}: run `mediasweep migrate` first"),
        (applied(ONE, TWO), f"this database has not got {CLAIM.name}: run `mediasweep"),
        (applied(LIBRARY), f"this database has not got {ONE.name}: run `mediasweep"),
    ],
)
def test_a_daemon_refuses_an_older_schema(ledger: dict[str, str], expected: str) -> None:
    """A database without all files of this version is refused with what is missing first."""
    with pytest.raises(SchemaError, match="^" + re.escape(expected)):
        check_fits(SCHEMA, ledger)


@pytest.mark.parametrize("with_library", [False, True])
def test_the_schema_has_every_file_in_order(with_library: bool) -> None:
    """Migrations come first, then functions, each sorted by name; the library only if asked for."""
    folder = schema_folder()
    names = [file.name for file in read_schema(with_library=with_library)]
    expected = [
        path.relative_to(folder).as_posix()
        for kind in ("migrations", "functions")
        for path in sorted((folder / kind).iterdir())
    ]
    assert names == expected + ["library.sql"] * with_library
    assert names[0].startswith("migrations/0001_")


def test_migrations_are_numbered_without_a_gap() -> None:
    """The numbers of the migrations count from one, so that two branches cannot use the same."""
    numbers = [
        int(file.name[11:15]) for file in read_schema() if file.name.startswith("migrations")
    ]
    assert numbers == [*range(1, len(numbers) + 1)]


@pytest.mark.parametrize("with_library", [False, True])
def test_the_script_is_one_transaction(with_library: bool) -> None:
    """The script begins and commits exactly once, and around everything that it does."""
    lines = [
        line
        for line in "".join(script(with_library=with_library)).splitlines()
        if line and not line.startswith("--")
    ]
    assert (lines[0], lines[-1]) == ("BEGIN;", "COMMIT;")
    assert (lines.count("BEGIN;"), lines.count("COMMIT;")) == (1, 1)


@pytest.mark.parametrize("with_library", [False, True])
def test_the_script_applies_and_notes_every_file(with_library: bool) -> None:
    """Each file stands in the script in full, with the line that notes it in the ledger."""
    text = "".join(script(with_library=with_library))
    place = 0
    for file in read_schema(with_library=with_library):
        place = text.index(f"\n-- ==== {file.name}\n{file.in_transaction}", place)
        place = text.index(f"VALUES ('{file.name}', '{file.sha256}')", place)
    assert ("library.sql" in text) == with_library


def test_no_file_of_the_script_ends_the_transaction() -> None:
    """No file begins, ends or forbids a transaction, or the script would not be all or nothing."""
    word = re.compile(
        r"^(?:BEGIN|COMMIT|ROLLBACK)\s*;|^-- no-transaction|INDEX CONCURRENTLY", re.MULTILINE
    )
    schema = read_schema(with_library=True)
    found = [file.name for file in schema if word.search(file.in_transaction)]
    assert found == []


def test_a_file_without_a_transaction_can_be_run_again() -> None:
    """Ended after the index was built and before that was noted, migrate finds it there."""
    outside = [f for f in read_schema() if " CONCURRENTLY " in f.text]
    assert outside
    found = [f.name for f in outside if not f.text.startswith("-- no-transaction")]
    once = [f.name for f in outside if re.search(r"CONCURRENTLY (?!IF NOT EXISTS)", f.text)]
    assert (found, once) == ([], [])
