"""What monitoring asks for: numbers about the hub, none of which costs more with the years."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from hub import __version__
from hub.admin.health import workers_at_work
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import claims, holds, intake, outboxes, pauses, processes, tallies
from hub.store.configuration import Role

Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric as Prometheus knows it; `kind` is counter or gauge."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


def current(hub: Hub) -> list[Metric]:
    """Return what a few lookups by index tell."""
    return list(_current(hub))


def totals(hub: Hub) -> list[Metric]:
    """Return what takes a look at every row: to be asked for rarely."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        invitations = claims.counts_by_state(connection)
        outbox = outboxes.counts_by_state(connection, [target.id for target in configuration.live(Role.TARGET)])
    surveys = {id: survey.name for id, survey in configuration.surveys.items()}
    targets = {id: one.stored.name for id, one in configuration.connections.items()}
    return [
        Metric(
            name="hub_invitations",
            kind="gauge",
            help="Invitations by survey and state",
            samples=[
                ({"survey": surveys.get(survey_id, "(removed)"), "state": state}, number)
                for (survey_id, state), number in sorted(invitations.items())
            ],
        ),
        Metric(
            name="hub_outbox",
            kind="gauge",
            help="Answers on their way to targets, by target and state",
            samples=[
                ({"target": targets.get(target_id, "(removed)"), "state": state}, number)
                for target_id, states in sorted(outbox.items())
                for state, number in sorted(states.items())
            ],
        ),
    ]


def _current(hub: Hub) -> Iterator[Metric]:
    configuration = hub.registry.current()
    now = hub.now()
    yield _one("hub_info", "The version of this process", 1, version=__version__)
    count, oldest = intake.backlog(hub.store)
    yield _one("hub_intake_waiting", f"Bodies not decided yet, up to {intake.COUNT_TO}", count)
    age = (now - oldest).total_seconds() if oldest else 0
    yield _one("hub_intake_oldest_seconds", "Age of the oldest body not decided yet", age)
    with hub.store.read() as connection:
        counts = tallies.read(connection)
        enabled = [survey.id for survey in configuration.rules if survey.enabled]
        due_at = claims.next_due_at(connection, enabled)
        paused = pauses.paused(connection, now)
        hold = holds.current(connection)
        scheduler_at = processes.last_seen(connection, "scheduler")
    yield from _counted(configuration, counts)
    late = max(0.0, (now - due_at).total_seconds()) if due_at else 0
    yield _one("hub_due_lag_seconds", "How long the first due invitation has been waiting to be sent", late)
    yield _one("hub_sending_held", "1 while nothing is sent because of a restore", hold is not None)
    yield Metric(
        name="hub_channel_paused",
        kind="gauge",
        help="1 while a channel is left alone",
        samples=[({"channel": one.stored.name}, one.id in paused) for one in configuration.live(Role.CHANNEL)],
    )
    broken = [one for role in Role for one in configuration.live(role) if one.provider is None]
    yield _one("hub_connections_broken", "Connections that cannot work", len(broken))
    seen_at = scheduler_at.timestamp() if scheduler_at else 0
    yield _one("hub_scheduler_last_seen_timestamp_seconds", "When a scheduler was last seen", seen_at)
    yield from _workers(hub)


def _counted(configuration: Configuration, counts: Mapping[tallies.Tally, int]) -> Iterator[Metric]:
    surveys = {id: survey.name for id, survey in configuration.surveys.items()}
    events: list[Sample] = []
    decisions: list[Sample] = []
    for key, number in sorted(counts.items()):
        if key[0] == "event":
            events.append(({"outcome": key[1], "reason": key[2]}, number))
        elif key[1] in surveys:
            decisions.append(({"survey": surveys[key[1]], "outcome": key[2], "reason": key[3]}, number))
    yield Metric(name="hub_events_total", kind="counter", help="Events by what became of them", samples=events)
    yield Metric(name="hub_decisions_total", kind="counter", help="Decisions of each survey", samples=decisions)


def _workers(hub: Hub) -> Iterator[Metric]:
    try:
        number: int | None = workers_at_work(hub)
    except RedisError:
        number = None
    yield _one("hub_redis_up", "1 while Redis answers", number is not None)
    if number is not None:
        yield _one("hub_workers", "Workers at work", number)


def _one(name: str, help: str, value: float, **labels: str) -> Metric:
    return Metric(name=name, kind="gauge", help=help, samples=[(labels, value)])
