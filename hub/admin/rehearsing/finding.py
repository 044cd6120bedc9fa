"""What is found when something is looked at before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something stands: as it should be, not looked at yet, worth a look, or not there."""

    OK = "ok"
    UNCHECKED = "unchecked"
    ATTENTION = "attention"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at: `about` names it, `advice` says what to do unless it is as it should be.

    `name` is that of the connection, where it is about one.
    """

    about: str
    state: State
    sentence: str
    advice: str = ""
    name: str = ""
