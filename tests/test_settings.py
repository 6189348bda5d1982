"""The settings: their names and defaults, what is refused, and that no secret is ever shown."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from mediasweep.settings import SECRETS, Settings, SettingsError, load

Env = pytest.MonkeyPatch
PLANTED = "pl4nted"
DSN = f"postgresql://user:{PLANTED}@db:5432/app"
DIRECT = f"postgresql://user:{PLANTED}@direct:5432/app"
URL = f"cloudinary://key:{PLANTED}@MyCloud"
FOREIGN = ("MEDIASWEEP_", "CLOUDINARY_", "NEXT_PUBLIC_", "SUPABASE_", "DATABASE_", "CREDENTIALS_")
THREE = {
    "CLOUDINARY_CLOUD_NAME": "Three",
    "CLOUDINARY_API_KEY": "three-key",
    "CLOUDINARY_API_SECRET": PLANTED,
}
# name in the environment, name here, default, another value as it is written and as it is read
PLAIN: list[tuple[str, str, object, str, object]] = [
    ("CLOUDINARY_CLOUD_NAME", "cloud_name", None, "Demo", "Demo"),
    ("CLOUDINARY_API_KEY", "api_key", None, "123", "123"),
    ("MEDIASWEEP_ENABLED", "enabled", True, "false", False),
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
    ("MEDIASWEEP_RETRY_BASE", "retry_base", 15, "1", 1),
    ("MEDIASWEEP_HTTP_BIND", "http_bind", "127.0.0.1:8080", "[::1]:0", "[::1]:0"),
    ("MEDIASWEEP_LOG_FORMAT", "log_format", "json", "console", "console"),
    ("MEDIASWEEP_LOG_LEVEL", "log_level", "info", "debug", "debug"),
]
SECRET_FIELDS = {
    "DATABASE_URL": "database_url",
    "MEDIASWEEP_LISTEN_URL": "listen_url",
    "CLOUDINARY_URL": "cloudinary_url",
    "CLOUDINARY_API_SECRET": "api_secret",
}
DURATION = ("nan", "inf", "1e300", "-1", "0", "5 min")
REFUSED = {
    **{f"MEDIASWEEP_{name}": DURATION for name in ("INTERVAL_MINUTES", "HEALTH_CHECK_INTERVAL")},
    **{f"MEDIASWEEP_{name}": DURATION for name in ("HTTP_TIMEOUT", "LEASE", "STOP_TIMEOUT")},
    **{f"MEDIASWEEP_{name}": DURATION for name in ("RETRY_BASE", "BRAKE_WINDOW")},
    "MEDIASWEEP_BRAKE_FLOOR": ("0", "1.5", ""),
    "MEDIASWEEP_BRAKE_SHARE": ("nan", "-0.1", "1.1", "5 %"),
    "MEDIASWEEP_GRACE": ("nan", "inf", "-1", "2592001", "1 day"),
    "MEDIASWEEP_BATCH_SIZE": ("0", "101", "1.5"),
    "MEDIASWEEP_MAX_RETRIES": ("0", "101"),
    "MEDIASWEEP_CONCURRENCY": ("0", "21", ""),
    "MEDIASWEEP_ENABLED": ("maybe", ""),
    "MEDIASWEEP_AUTO_START": ("2",),
    "MEDIASWEEP_LOG_FORMAT": ("xml", "JSON"),
    "MEDIASWEEP_LOG_LEVEL": ("loud",),
    "MEDIASWEEP_HTTP_BIND": ("", "80", ":80", "a", "a:", "a:http", "a:-1", "a:65536", "a:8\u00b2"),
}


@pytest.fixture(autouse=True, name="env")
def _environment(monkeypatch: Env) -> Env:
    """Give an environment that says nothing about mediasweep."""
    for name in os.environ:
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    return monkeypatch


def refused(env: Env, **environ: str) -> str:
    """Return the sentence with which the environment is refused."""
    for name, value in environ.items():
        env.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


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

    (tmp_path / name).write_text("credential\n", encoding="utf-8")
    (tmp_path / "file").write_text("  file\n", encoding="utf-8")
    with env.context() as only:
        only.setenv(name, "variable")
        assert secret() == "variable"
    with env.context() as only:
        only.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert secret() == "credential"
        only.setenv(f"{name}_FILE", str(tmp_path / "file"))
        assert secret() == "file"


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_that_cannot_be_read_is_refused(env: Env, tmp_path: Path, name: str) -> None:
    """A secret's file that is missing or holds no text is named and shows nothing of itself."""
    missing = refused(env, **{f"{name}_FILE": str(tmp_path / "missing")})
    assert f"{name}_FILE cannot be read" in missing
    (tmp_path / "binary").write_bytes(PLANTED.encode() + b"\xff")
    binary = refused(env, **{f"{name}_FILE": str(tmp_path / "binary")})
    assert f"{name}_FILE cannot be read" in binary
    assert PLANTED not in binary


def test_unknown_settings_are_refused_by_name(env: Env) -> None:
    """A typing error in a name is told, with every name that is wrong, and not ignored."""
    sentence = refused(env, MEDIASWEEP_LEASE_FILE="x", MEDIASWEEP_BATCH="5")
    assert "MEDIASWEEP_BATCH, MEDIASWEEP_LEASE_FILE is no setting" in sentence


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
        "MEDIASWEEP_CONCURRENCY: Input should be less than or equal to 20; "
        "MEDIASWEEP_HTTP_BIND: must be host:port, as in 127.0.0.1:8080"
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


def test_listening_takes_the_direct_address(env: Env) -> None:
    """The direct address is the one for LISTEN, or else the database's only one."""
    env.setenv("DATABASE_URL", DSN)
    assert (load().dsn(), load().direct_dsn()) == (DSN, DSN)
    env.setenv("MEDIASWEEP_LISTEN_URL", DIRECT)
    assert (load().dsn(), load().direct_dsn()) == (DSN, DIRECT)


@pytest.mark.parametrize("environ", [{}, {"DATABASE_URL": ""}])
def test_a_missing_database_is_explained(env: Env, environ: dict[str, str]) -> None:
    """Without an address of the database, the sentence says which variable and which form."""
    for name, value in environ.items():
        env.setenv(name, value)
    with pytest.raises(SettingsError, match=r"^DATABASE_URL is not set: .*/database\.$"):
        load().direct_dsn()


@pytest.mark.parametrize("name", ["NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"])
def test_supabase_users_are_told_where_the_address_is(env: Env, name: str) -> None:
    """Who gives what Supabase shows first is told where it shows the connection string."""
    env.setenv(name, PLANTED)
    with pytest.raises(SettingsError, match="A Supabase URL or service key is not enough") as told:
        load().dsn()
    assert PLANTED not in str(told.value)


NEXT = {"NEXT_PUBLIC_CLOUDINARY_CLOUD_NAME": "Next"}
TWO = {name: value for name, value in THREE.items() if name != "CLOUDINARY_CLOUD_NAME"}
OTHER = {"CLOUDINARY_URL": "cloudinary://other:x@Other"}
CREDENTIALS = [
    ({"CLOUDINARY_URL": URL}, ("MyCloud", "key", None)),
    ({"CLOUDINARY_URL": URL + "/a?upload_prefix=http://e:1&x=y"}, ("MyCloud", "key", "http://e:1")),
    ({"CLOUDINARY_URL": URL + "?upload_prefix="}, ("MyCloud", "key", None)),
    (NEXT | {"CLOUDINARY_URL": URL}, ("MyCloud", "key", None)),
    (THREE, ("Three", "three-key", None)),
    (THREE | OTHER, ("Three", "three-key", None)),
    (THREE | NEXT, ("Three", "three-key", None)),
    (TWO | NEXT, ("Next", "three-key", None)),
]


@pytest.mark.parametrize(("environ", "expected"), CREDENTIALS)
def test_credentials_come_from_a_url_or_three_variables(
    env: Env, environ: dict[str, str], expected: tuple[str, str, str | None]
) -> None:
    """Either form gives the same four values, with the cloud's name in the case it was given."""
    for name, value in environ.items():
        env.setenv(name, value)
    cloud_name, api_key, prefix = expected
    credentials = {"cloud_name": cloud_name, "api_key": api_key, "api_secret": PLANTED}
    assert credentials | {"upload_prefix": prefix} == load().credentials()


@pytest.mark.parametrize(
    "url",
    [
        f"https://key:{PLANTED}@cloud",
        f"cloudinary://{PLANTED}@cloud",
        f"cloudinary://:{PLANTED}@cloud",
        f"cloudinary://key:{PLANTED}@",
        f"key:{PLANTED}@cloud",
        f"cloudinary://<key>:{PLANTED}@cloud",
        f"cloudinary://key:{PLANTED}@[cloud",
        f"cloudinary://key:{PLANTED}@clo\uff0fud",
    ],
)
def test_a_bad_cloudinary_url_is_refused(env: Env, url: str) -> None:
    """A URL that cannot be read is refused with the right form, and without its secret."""
    env.setenv("CLOUDINARY_URL", url)
    with pytest.raises(SettingsError, match=r"^CLOUDINARY_URL must be cloudinary://") as told:
        load().credentials()
    assert PLANTED not in str(told.value)


@pytest.mark.parametrize("left_out", THREE)
def test_incomplete_credentials_are_explained(env: Env, left_out: str) -> None:
    """Two of the three variables are not enough, and the sentence shows none of their values."""
    for name in THREE.keys() - {left_out}:
        env.setenv(name, THREE[name])
    with pytest.raises(SettingsError, match="Cloudinary is not set: give CLOUDINARY_URL") as told:
        load().credentials()
    assert PLANTED not in str(told.value)


def test_no_secret_is_ever_shown(env: Env) -> None:
    """Neither the settings nor the sentence that refuses them show a secret."""
    for name in SECRETS:
        env.setenv(name, PLANTED)
    assert PLANTED not in f"{load()!r} {load()} {load().model_dump()} {load().model_dump_json()}"
    assert PLANTED not in refused(env, MEDIASWEEP_LEASE="0", MEDIASWEEP_HTTP_BIND="x")
