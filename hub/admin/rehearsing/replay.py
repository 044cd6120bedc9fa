"""`hub replay`: what a survey's rules would decide on a file of events. Stores and sends nothing."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from hub.admin.configuration.drafts import checked_settings
from hub.admin.words import hint
from hub.config import ConfigError
from hub.domain.echo import SYNC_TRAITS, brings_only_sync_traits
from hub.domain.reasons import Outcome, Reason
from hub.domain.rules import Decision, decide
from hub.domain.settings import SurveyRules, rules_of
from hub.domain.states import State
from hub.domain.world import Invitation, Survey, World
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.pipeline.read import read_event
from hub.plugin import EventSource, Stored, Unreadable
from hub.store.configuration import Role
from hub.store.tables import echo_trait

YEARS = range(1970, 9000)
"""In which events may have been received: every time that the rules compute from these is one, too."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was decided on one event."""

    message_id: str | None
    outcome: Outcome
    reason: Reason
    due_at: datetime | None = None
    eligible_again_at: datetime | None = None

    def as_json(self) -> str:
        """Return the line as `hub replay --json` prints it."""
        return json.dumps(
            {
                "message_id": self.message_id,
                "outcome": self.outcome,
                "reason": self.reason,
                "due_at": _text(self.due_at),
                "eligible_again_at": _text(self.eligible_again_at),
            }
        )


def replay(hub: Hub, survey_name: str, lines: Iterable[str], changes: Mapping[str, str]) -> Iterator[Line]:
    """Yield what the survey would decide on each event, one JSON event a line, in the file's order.

    `receivedAt` is taken as the arrival and as the clock, which never runs backwards. An invitation counts as sent
    once its due time is before the clock. `changes` are settings to try instead of the survey's own. Raises
    ConfigError for an unknown survey, a wrong setting, and a line without a readable receivedAt.
    """
    configuration = hub.registry.current()
    stored = next((one for one in configuration.surveys.values() if one.name == survey_name), None)
    if stored is None:
        known = hint(survey_name, [one.name for one in configuration.surveys.values()])
        raise ConfigError([f"There is no survey {survey_name!r}{known}"])
    sources = [configuration.source(source_id) for source_id in stored.connections[Role.SOURCE]]
    source = next((one for one in sources if one is not None), None)
    if source is None:
        raise ConfigError([f"The survey {survey_name!r} listens to no working source, which could read the events"])
    with hub.store.read() as connection:
        echo_traits = SYNC_TRAITS | set(connection.scalars(select(echo_trait.c.name)))
    raw = {**stored.settings, **{key: _value(text) for key, text in changes.items()}}
    rules = replace(rules_of(checked_settings(raw, "--set")), surge_brake=False, holdout_percent=0)
    return _replay(source, rules, lines, echo_traits)


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text) if text in ("true", "false") else _number(text)


def _number(text: str) -> Any:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _replay(
    source: EventSource, rules: SurveyRules, lines: Iterable[str], echo_traits: frozenset[str]
) -> Iterator[Line]:
    counter = itertools.count()
    world = World(new_id=lambda: f"{next(counter):020x}", check_address=check_address)
    survey = Survey(id="replay", name="replay", rules=rules, enabled=True, sources=frozenset({"replay"}))
    mail = Outbox()
    clock = datetime.min.replace(tzinfo=UTC)
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        clock = max(clock, _received_at(text, number))
        mail.send_before(clock)
        for item in source.read(Stored(body=text.encode("utf-8", "surrogatepass"), arrived_at=clock)):
            if isinstance(item, Unreadable):
                yield _unreadable(world, item)
                continue
            event = read_event("replay", "", item, clock)
            if event.incoming is None:
                yield _unreadable(world, Unreadable(why="", message_id=event.message_id))
                continue
            incoming = event.incoming
            if incoming.type == "identify" and brings_only_sync_traits(incoming.traits, echo_traits):
                incoming = incoming._replace(is_echo=True)
            ruling = decide(world, incoming, [survey], clock)
            if incoming.type == "delete" and ruling.reason is not Reason.DUPLICATE:
                world.forget(incoming.user, incoming.anonymous)
            mail.watch(world)
            if ruling.outcome is not None and ruling.reason is not None:
                yield Line(message_id=event.message_id, outcome=ruling.outcome, reason=ruling.reason)
            yield from (_line(event.message_id, decision) for decision in ruling.decisions)


def _unreadable(world: World, item: Unreadable) -> Line:
    key = ("replay", item.message_id or "")
    if item.message_id and key in world.message_ids:
        return Line(message_id=item.message_id, outcome=Outcome.IGNORED, reason=Reason.DUPLICATE)
    world.message_ids.add(key)
    return Line(message_id=item.message_id, outcome=Outcome.REJECTED, reason=Reason.UNREADABLE)


class Outbox:
    """Sends every invitation the moment after it is due, in mind alone; what is held stays."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, str, Invitation]] = []

    def watch(self, world: World) -> None:
        """Take in what was scheduled or moved."""
        for invitation in world.changed.values():
            heapq.heappush(self._due, (invitation.due_at, invitation.id, invitation))
        world.changed.clear()

    def send_before(self, clock: datetime) -> None:
        """Count as sent what was due before the clock; entries of a moved invitation's old due time mean nothing."""
        while self._due and self._due[0][0] < clock:
            due_at, _, invitation = heapq.heappop(self._due)
            if invitation.state is State.SCHEDULED and invitation.due_at == due_at:
                invitation.state = State.SENT
                invitation.sent_at = due_at


def _line(message_id: str, decision: Decision) -> Line:
    return Line(
        message_id=message_id,
        outcome=decision.outcome,
        reason=decision.reason,
        due_at=decision.due_at,
        eligible_again_at=decision.eligible_again_at,
    )


def _received_at(text: str, number: int) -> datetime:
    try:
        event = json.loads(text)
        received = datetime.fromisoformat(event["receivedAt"])
        if received.year not in YEARS:
            raise ValueError(received.year)  # noqa: TRY301
    except (ValueError, KeyError, TypeError, RecursionError):
        message = f"line {number}: is no JSON event with a readable receivedAt (such as 2026-03-01T12:00:00Z)"
        raise ConfigError([message]) from None
    return received.astimezone(UTC) if received.tzinfo else received.replace(tzinfo=UTC)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
