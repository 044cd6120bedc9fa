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


class CutOff(ConfigError):
    """An upload ended early; nothing of the line that it broke off in was taken."""

    def __init__(self, why: str, *, after: int = 0) -> None:
        taken = f"its first {after:,} rows were read" if after else "nothing of it was taken"
        super().__init__([f"{why}; {taken}. Send it again."])
        self.why = why


class TooLarge(ConfigError):
    """More than is taken at once; the sentence says how to send it."""

    def __init__(self, problem: str) -> None:
        super().__init__([problem])
