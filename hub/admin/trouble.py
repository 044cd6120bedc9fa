"""What people ask for that cannot be done: sentences for the command line, answers with a status for the API."""

from __future__ import annotations

from collections.abc import Mapping

from hub.config import ConfigError


def by_field(error: ConfigError) -> Mapping[str, str]:
    """Return what is wrong, as a sentence for each field that a problem begins with; "" is for what is of no field."""
    found: dict[str, list[str]] = {}
    for problem in error.problems:
        path, separator, why = problem.partition(": ")
        is_named = separator and " " not in path
        found.setdefault(path if is_named else "", []).append(_sentence(why if is_named else problem))
    return {field: " ".join(sentences) for field, sentences in found.items()}


def _sentence(problem: str) -> str:
    return f"{problem[:1].upper()}{problem[1:].removesuffix('.')}."


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
