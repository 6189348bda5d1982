"""The settings: their names and defaults, and what is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from mediasweep.settings import SECRETS, Settings, load
from tests.settings.environ import PLANTED, Env, refused

# name in the environment, name here, default, another value as it is written and as it is read
PLAIN: list[tuple[str, str, object, str, object]] = [
    ("CLOUDINARY_CLOUD_NAME", "cloud_name", None, "Demo", "Demo"),
    ("CLOUDINARY_API_KEY", "api_key", None, "123", "123"),
    ("MEDIASWEEP_ENABLED", "enabled", True, "false", False),
    ("MEDIASWEEP_DRY_RUN", "dry_run", False, "1", True),
    ("MEDIASWEEP_AUTO_START", "auto_start", True, "0", False),
    ("MEDIASWEEP_INTERVAL_MINUTES", "interval_minutes", 5, "0.5", 0.5),
    ("MEDIASWEEP_BATCH_SIZE", "batch_size", 10, "100", 100),
    ("MEDIASWEEP_MAX_RETRIES", "max_retries", 3, "1", 1),
    ("MEDIASWEEP_HEALTH_CHECK_INTERVAL", "health_check_interval", 60, "30", 30),
    ("MEDIASWEEP_CONCURRENCY", "concurrency", 8, "20", 20),
    ("MEDIASWEEP_HTTP_TIMEOUT", "http_timeout", 10, "2.5", 2.5),
    ("MEDIASWEEP_LEASE", "lease", 60, "30", 30),
    ("MEDIASWEEP_STOP_TIMEOUT", "stop_timeout", 25, "20", 20),
    ("MEDIASWEEP_GRACE", "grace", 0, "3600", 3600),
    ("MEDIASWEEP_BRAKE_FLOOR", "brake_floor", 1000, "5000", 5000),
    ("MEDIASWEEP_BRAKE_SHARE", "brake_share", 0.05, "0.5", 0.5),
    ("MEDIASWEEP_BRAKE_WINDOW", "brake_window", 10, "60", 60),
    ("MEDIASWEEP_RETENTION", "retention", 30, "365", 365),
    ("MEDIASWEEP_RETRY_BASE", "retry_base", 15, "1", 1),
    ("MEDIASWEEP_HTTP_BIND", "http_bind", "127.0.0.1:8080", "[::1]:0", "[::1]:0"),
    ("MEDIASWEEP_HTTP_HOSTS", "http_hosts", None, "a.example", "a.example"),
    ("MEDIASWEEP_HTTP_ROOT_PATH", "http_root_path", None, "/a/b", "/a/b"),
    ("MEDIASWEEP_UPLOAD_MOST", "upload_most", 100, "5", 5),
    ("MEDIASWEEP_HTTP_READ_ONLY", "http_read_only", False, "true", True),
    ("MEDIASWEEP_WEBHOOK_WINDOW", "webhook_window", 1200, "600", 600),
    ("MEDIASWEEP_RECONCILE_HOURS", "reconcile_hours", 0, "24", 24),
    ("MEDIASWEEP_RECONCILE_SHARE", "reconcile_share", 0.5, "0.1", 0.1),
    ("MEDIASWEEP_LOG_FORMAT", "log_format", "json", "console", "console"),
    ("MEDIASWEEP_LOG_LEVEL", "log_level", "info", "debug", "debug"),
]
SECRET_FIELDS = {
    "DATABASE_URL": "database_url",
    "MEDIASWEEP_LISTEN_URL": "listen_url",
    "CLOUDINARY_URL": "cloudinary_url",
    "CLOUDINARY_API_SECRET": "api_secret",
    "MEDIASWEEP_WEBHOOK_SECRETS": "webhook_secrets",
    "MEDIASWEEP_API_TOKEN": "api_token",
}
LONG = "-of-enough-characters"
DURATION = ("nan", "inf", "1e300", "-1", "0", "5 min")
REFUSED = {
    **{f"MEDIASWEEP_{name}": DURATION for name in ("INTERVAL_MINUTES", "HEALTH_CHECK_INTERVAL")},
    **{f"MEDIASWEEP_{name}": DURATION for name in ("HTTP_TIMEOUT", "LEASE", "STOP_TIMEOUT")},
    **{f"MEDIASWEEP_{name}": DURATION for name in ("RETRY_BASE", "BRAKE_WINDOW")},
    "MEDIASWEEP_BRAKE_FLOOR": ("0", "1.5", ""),
    "MEDIASWEEP_BRAKE_SHARE": ("nan", "-0.1", "1.1", "5 %"),
    "MEDIASWEEP_RETENTION": ("nan", "0", "3651"),
    "MEDIASWEEP_GRACE": ("nan", "inf", "-1", "2592001", "1 day"),
    "MEDIASWEEP_WEBHOOK_WINDOW": ("nan", "59", "86401", "1 day"),
    "MEDIASWEEP_RECONCILE_HOURS": ("nan", "-1", "8761", "daily"),
    "MEDIASWEEP_RECONCILE_SHARE": ("nan", "0", "1.1", "5 %"),
    "MEDIASWEEP_BATCH_SIZE": ("0", "101", "1.5"),
    "MEDIASWEEP_MAX_RETRIES": ("0", "101"),
    "MEDIASWEEP_CONCURRENCY": ("0", "21", ""),
    "MEDIASWEEP_ENABLED": ("maybe", ""),
    "MEDIASWEEP_DRY_RUN": ("perhaps", ""),
    "MEDIASWEEP_AUTO_START": ("2",),
    "MEDIASWEEP_LOG_FORMAT": ("xml", "JSON"),
    "MEDIASWEEP_LOG_LEVEL": ("loud",),
    "MEDIASWEEP_HTTP_BIND": ("", "80", ":80", "a", "a:", "a:http", "a:-1", "a:65536", "a:8\u00b2"),
    "MEDIASWEEP_HTTP_HOSTS": ("a.example:80", "http://a.example", "a.example, b/c", "u@a.example"),
    "MEDIASWEEP_HTTP_ROOT_PATH": ("", "/", "a", "/a/", "/a//b", "/a?b", "/é"),
    "MEDIASWEEP_HTTP_READ_ONLY": ("", "maybe"),
    "MEDIASWEEP_API_TOKEN": ("", " , ", "short", "write:" + "x" * 22, "x" * 21, "é" * 22),
}


def test_every_setting_is_in_these_tables() -> None:
    """No setting comes without a test of its name and default."""
    assert {field for _, field, *_ in PLAIN} | {*SECRET_FIELDS.values()} == {*Settings.model_fields}
    assert set(SECRETS) == set(SECRET_FIELDS)


@pytest.mark.parametrize(("name", "field", "default", "written", "read"), PLAIN)
def test_a_setting_has_its_name_and_default(
    env: Env, *, name: str, field: str, default: object, written: str, read: object
) -> None:
    """A setting has its default until the variable of its name says otherwise."""
    assert getattr(load(), field) == default
    env.setenv(name, written)
    assert getattr(load(), field) == read


@pytest.mark.parametrize(("name", "field"), SECRET_FIELDS.items())
def test_a_secret_is_read_from_variable_file_or_credential(
    env: Env, tmp_path: Path, name: str, field: str
) -> None:
    """A secret is absent by default, and found in all three places where it may stand."""
    assert getattr(load(), field) is None

    def secret() -> str:
        return str(getattr(load(), field).get_secret_value())

    (tmp_path / name).write_text(f"credential{LONG}\n", encoding="utf-8")
    (tmp_path / "file").write_text(f"  file{LONG}\n", encoding="utf-8")
    with env.context() as only:
        only.setenv(name, f"variable{LONG}")
        assert secret() == f"variable{LONG}"
    with env.context() as only:
        only.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert secret() == f"credential{LONG}"
        only.setenv(f"{name}_FILE", str(tmp_path / "file"))
        assert secret() == f"file{LONG}"


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_that_cannot_be_read_is_refused(env: Env, tmp_path: Path, name: str) -> None:
    """A secret's file that is missing or holds no text is named and shows nothing of itself."""
    missing = refused(env, **{f"{name}_FILE": str(tmp_path / "missing")})
    assert f"{name}_FILE cannot be read" in missing
    (tmp_path / "binary").write_bytes(PLANTED.encode() + b"\xff")
    binary = refused(env, **{f"{name}_FILE": str(tmp_path / "binary")})
    assert f"{name}_FILE cannot be read" in binary
    assert PLANTED not in binary


def test_a_credential_that_cannot_be_read_is_refused(env: Env, tmp_path: Path) -> None:
    """One that is there and gives nothing is named, and is no reason to take the database for
    away.
    """
    (tmp_path / "DATABASE_URL").mkdir()
    sentence = refused(env, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert "the credential DATABASE_URL cannot be read" in sentence


def test_unknown_settings_are_refused_by_name(env: Env) -> None:
    """A typing error in a name is told, with every name that is wrong, and not ignored."""
    sentence = refused(env, MEDIASWEEP_LEASE_FILE="x", MEDIASWEEP_BATCH="5")
    assert "MEDIASWEEP_BATCH, MEDIASWEEP_LEASE_FILE is not a setting" in sentence


def test_other_programs_variables_are_ignored(env: Env) -> None:
    """Variables without the prefix may exist under any name."""
    env.setenv("CLOUDINARY_FOLDER", "x")
    env.setenv("LEASE", "1")
    assert load().lease == 60


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values]
)
def test_a_value_out_of_range_is_refused(env: Env, name: str, value: str) -> None:
    """A value that cannot be used is refused with a sentence that names its variable."""
    assert name in refused(env, **{name: value})


def test_each_problem_has_a_sentence(env: Env) -> None:
    """Several problems are told at once, so that they are corrected at once."""
    expected = (
        "MEDIASWEEP_HTTP_BIND: must be host:port, as in 127.0.0.1:8080; "
        "MEDIASWEEP_CONCURRENCY: Input should be less than or equal to 20"
    )
    assert expected == refused(env, MEDIASWEEP_CONCURRENCY="99", MEDIASWEEP_HTTP_BIND="x")


@pytest.mark.parametrize(
    ("timeout", "lease", "stop_timeout", "expected"),
    [
        ("10", "29.9", "25", "MEDIASWEEP_LEASE (29.9 s) must be at least three times"),
        ("13", "60", "25", "MEDIASWEEP_STOP_TIMEOUT (25 s) must be at least twice"),
    ],
)
def test_times_that_do_not_fit_are_refused(
    env: Env, *, timeout: str, lease: str, stop_timeout: str, expected: str
) -> None:
    """A lease or a stop that ends before calls do is refused, naming both variables."""
    sentence = refused(
        env,
        MEDIASWEEP_HTTP_TIMEOUT=timeout,
        MEDIASWEEP_LEASE=lease,
        MEDIASWEEP_STOP_TIMEOUT=stop_timeout,
    )
    assert sentence.startswith(expected)
    assert f"MEDIASWEEP_HTTP_TIMEOUT ({timeout} s)" in sentence


def test_times_that_just_fit_are_taken(env: Env) -> None:
    """Three timeouts of lease and two of stopping are enough."""
    env.setenv("MEDIASWEEP_LEASE", "30")
    env.setenv("MEDIASWEEP_STOP_TIMEOUT", "20")
    assert timedelta(seconds=30) == load().seconds("lease")


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),  # noqa: S104  parsed, not bound
        ("[::1]:65535", ("::1", 65535)),
        ("::1:9000", ("::1", 9000)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_the_address_to_listen_on_is_split(env: Env, bind: str, expected: tuple[str, int]) -> None:
    """Host and port are told apart, also where the host is an IPv6 address."""
    env.setenv("MEDIASWEEP_HTTP_BIND", bind)
    assert expected == load().bind()
