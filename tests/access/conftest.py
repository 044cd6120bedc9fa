"""Passwords that cost little."""

from __future__ import annotations

import pytest

from hub.admin import passwords


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a guess cost a millisecond instead of a quarter of a second."""
    method = "scrypt:1024:8:1"
    monkeypatch.setattr(passwords, "_NOBODY", passwords._NOBODY.replace(passwords.METHOD, method))
    monkeypatch.setattr(passwords, "METHOD", method)
