"""How the channels do: which work, which are left alone and why, and trying one again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.config import ConfigError
from hub.pipeline.hub import Hub
from hub.plugin import SurveyChannel
from hub.registry import Configuration, Connection
from hub.store import pauses
from hub.store.configuration import Role


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One channel. `state` is works, paused, on_trial or broken; `surveys` say which place it has in their order."""

    id: str
    name: str
    kind: str
    state: str
    why: str
    paused_until: datetime | None
    failures: int
    rate: str
    surveys: Sequence[str]
    reports_path: str | None
    """Where its provider sends reports, at this hub's address; None where its plugin takes none."""


def channels(hub: Hub) -> list[Channel]:
    """Return the channels in use, by name."""
    configuration = hub.registry.current()
    now = hub.now()
    with hub.store.read() as connection:
        paused = pauses.paused(connection, now)
        failures = pauses.failures(connection)
    live = configuration.live(Role.CHANNEL)
    return [_channel(hub, configuration, one, paused.get(one.id), failures.get(one.id, 0)) for one in live]


def resume(hub: Hub, name: str) -> bool:
    """Try a paused channel again at once; return whether it was paused or had failures. Raises ConfigError."""
    configuration = hub.registry.current()
    found = configuration.named(Role.CHANNEL, name)
    if found is None:
        there = ", ".join(one.stored.name for one in configuration.live(Role.CHANNEL)) or "none"
        raise ConfigError([f"There is no channel {name!r}; there are: {there}"])
    return hub.store.transact(lambda connection: pauses.resume(connection, found.id))


def _channel(
    hub: Hub,
    configuration: Configuration,
    connection: Connection,
    paused: tuple[datetime, str] | None,
    failures: int,
) -> Channel:
    state, why = _state(connection, paused, failures)
    stored = connection.stored
    return Channel(
        id=stored.id,
        name=stored.name,
        kind=stored.kind,
        state=state,
        why=why,
        paused_until=paused[0] if paused else None,
        failures=failures,
        rate=str(stored.options.get("rate", "")),
        surveys=_places(configuration, stored.id),
        reports_path=f"/channels/{stored.id}/events" if _takes_reports(connection) else None,
    )


def _state(connection: Connection, paused: tuple[datetime, str] | None, failures: int) -> tuple[str, str]:
    if connection.problem is not None:
        return "broken", connection.problem
    if paused is not None:
        return "paused", paused[1]
    if failures:
        return "on_trial", "it failed the last time; the next message shows whether it works again"
    return "works", ""


def _places(configuration: Configuration, channel_id: str) -> list[str]:
    found = []
    for survey in configuration.surveys.values():
        order = survey.connections[Role.CHANNEL]
        if channel_id in order:
            found.append(f"{survey.name} ({_ORDINALS.get(order.index(channel_id), 'later')})")
    return found


_ORDINALS: Mapping[int, str] = {0: "first", 1: "second", 2: "third"}


def _takes_reports(connection: Connection) -> bool:
    return connection.provider is not None and type(connection.provider).reports is not SurveyChannel.reports  # type: ignore[attr-defined]
