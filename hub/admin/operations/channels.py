"""How the channels do, in the order in which surveys use them, and where their providers send reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.admin.configuration.connections import Health, Troubles, troubles_of
from hub.admin.configuration.uses import uses
from hub.pipeline.hub import Hub
from hub.plugin import SurveyChannel
from hub.registry import Configuration, Connection
from hub.store.configuration import Role


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One channel; `surveys` say which place it has in their order."""

    id: str
    name: str
    kind: str
    state: Health
    sentence: str
    paused_until: datetime | None
    failures: int
    rate: str
    surveys: Sequence[str]
    reports_path: str | None
    """Where its provider sends reports, at this hub's address; None where its plugin takes none."""


def channels(hub: Hub) -> list[Channel]:
    """Return the channels in use, by name."""
    configuration = hub.registry.current()
    troubles = troubles_of(hub)
    return [_channel(configuration, one, troubles) for one in configuration.live(Role.CHANNEL)]


def _channel(configuration: Configuration, connection: Connection, troubles: Troubles) -> Channel:
    state, sentence = troubles.health_of(connection)
    stored = connection.stored
    return Channel(
        id=stored.id,
        name=stored.name,
        kind=stored.kind,
        state=state,
        sentence=sentence,
        paused_until=troubles.paused[stored.id][0] if state is Health.PAUSED else None,
        failures=troubles.failures.get(stored.id, 0),
        rate=str(stored.options.get("rate", "")),
        surveys=[str(use) for use in uses(configuration, stored.id)],
        reports_path=f"/channels/{stored.id}/events" if _takes_reports(connection) else None,
    )


def _takes_reports(connection: Connection) -> bool:
    provider = connection.provider
    return isinstance(provider, SurveyChannel) and type(provider).reports is not SurveyChannel.reports
