"""An environment of the test's own, and what is said of one that does not fit."""

import pytest

from mediasweep.settings import SettingsError, load

Env = pytest.MonkeyPatch
PLANTED = "pl4nted-where-none-may-see-it"
DSN = f"postgresql://user:{PLANTED}@db:5432/app"
FOREIGN = ("MEDIASWEEP_", "CLOUDINARY_", "NEXT_PUBLIC_", "SUPABASE_", "DATABASE_", "CREDENTIALS_")
THREE = {
    "CLOUDINARY_CLOUD_NAME": "Three",
    "CLOUDINARY_API_KEY": "three-key",
    "CLOUDINARY_API_SECRET": PLANTED,
}


def refused(env: Env, **environ: str) -> str:
    """Return the sentence with which the environment is refused."""
    for name, value in environ.items():
        env.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)
