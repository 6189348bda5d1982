"""The addresses of database and account: how they are given, and that no secret is ever shown."""

import pytest

from mediasweep.settings import SECRETS, SettingsError, load
from tests.settings.environ import DSN, PLANTED, THREE, Env, refused

DIRECT = f"postgresql://user:{PLANTED}@direct:5432/app"
URL = f"cloudinary://key:{PLANTED}@MyCloud"


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
