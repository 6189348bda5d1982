"""Nothing of the real environment reaches a test of the settings."""

import os

import pytest

from tests.settings.environ import FOREIGN, Env


@pytest.fixture(autouse=True, name="env")
def _environment(monkeypatch: Env) -> Env:
    """Give an environment that says nothing about mediasweep."""
    for name in os.environ:
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    return monkeypatch
