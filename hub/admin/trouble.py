"""What people ask for that cannot be done: sentences for the command line, answers with a status for the API."""

from __future__ import annotations

from hub.config import ConfigError


class NotThere(ConfigError):
    """There is nothing of this name or id."""

    def __init__(self, problem: str) -> None:
        super().__init__([problem])


class Conflict(ConfigError):
    """It cannot be done as things stand; the sentence says how they stand."""

    def __init__(self, problem: str) -> None:
        super().__init__([problem])
