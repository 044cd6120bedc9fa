"""Which surveys use a connection, and in which place of their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.registry import Configuration
from hub.store.configuration import Role

_ORDINALS: Mapping[int, str] = {0: "first", 1: "second", 2: "third"}


@dataclass(frozen=True, kw_only=True)
class Use:
    """A survey that uses a connection; `place` is a channel's in its order of failover, "" for the others."""

    survey: str
    place: str = ""

    def __str__(self) -> str:
        """As in `onboarding (first)`."""
        return f"{self.survey} ({self.place})" if self.place else self.survey


def uses(configuration: Configuration, connection_id: str) -> list[Use]:
    """Return the uses of a connection, by survey."""
    role = configuration.connections[connection_id].stored.role
    found = []
    for survey in sorted(configuration.surveys.values(), key=lambda one: one.name):
        order = survey.connections.get(role, ())
        if connection_id in order:
            place = _ORDINALS.get(order.index(connection_id), "later") if role is Role.CHANNEL else ""
            found.append(Use(survey=survey.name, place=place))
    return found
