"""What would be decided about a person right now, if the event came that starts a survey. Nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace

from sqlalchemy import Connection

from hub.admin.decision_facts import Piece, facts_of
from hub.admin.trouble import NotThere
from hub.domain.identity import IdKind
from hub.domain.reasons import SENTENCES, Outcome, Reason
from hub.domain.rules import Decision, Incoming, decide
from hub.domain.world import Person, Survey
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import worlds
from hub.store.types import json_text


@dataclass(frozen=True, kw_only=True)
class Next:
    """What one survey would decide; `event` is what starts it: an identify, or its track event by name."""

    survey: str
    event: str
    outcome: str
    reason: str
    sentence: str
    facts: Sequence[Piece]
    due_at: datetime | None
    eligible_again_at: datetime | None


def next_identify(hub: Hub, person_id: str) -> list[Next]:
    """Return what each survey would decide if an event that starts it, and says nothing new, came now; by name.

    Surveys that no event of this person can reach (no source, or only sources where the person is unknown) decide
    `no_survey`. Raises NotThere.
    """
    configuration, now = hub.registry.current(), hub.now()
    with hub.store.read() as connection:
        person = worlds.load_people(connection, [person_id]).get(person_id)
        if person is None:
            raise NotThere(f"There is no person {person_id}")
        surveys = sorted(configuration.rules, key=lambda survey: survey.name)
        return [_next(connection, configuration, person, survey, now) for survey in surveys]


def _next(connection: Connection, configuration: Configuration, person: Person, survey: Survey, now: datetime) -> Next:
    incoming = _starter(configuration, person, survey, now)
    if incoming is None:
        nobody = Decision(survey_id=survey.id, outcome=Outcome.IGNORED, reason=Reason.NO_SURVEY)
        return _told(person, survey, nobody, now)
    world = worlds.new_world(connection, check_address, now)
    worlds.load(connection, world, ids=[person.id], surveys=configuration.rules, now=now)
    [decision] = decide(world, incoming, [survey], now).decisions
    return _told(person, survey, decision, now)


def _starter(configuration: Configuration, person: Person, survey: Survey, now: datetime) -> Incoming | None:
    """Return the event that starts a survey, as it would come from one of its sources that knows the person."""
    for source_id in sorted(survey.sources):
        namespace = configuration.namespace_of(source_id)
        known = {one.kind: one for one in reversed(person.identities) if one.namespace == namespace}
        if known:
            rules = survey.rules
            return Incoming(
                source=source_id,
                type="track" if rules.trigger_event else "identify",
                message_id="",
                user=known.get(IdKind.USER),
                anonymous=known.get(IdKind.ANONYMOUS),
                traits={},
                timestamp=now,
                arrived_at=now,
                name=rules.trigger_event or None,
                properties=rules.trigger_properties,
            )
    return None


def _told(person: Person, survey: Survey, decision: Decision, now: datetime) -> Next:
    as_stored = SimpleNamespace(
        reason=decision.reason, inputs=json.loads(json_text(dict(decision.inputs))), decided_at=now
    )
    return Next(
        survey=survey.name,
        event=survey.rules.trigger_event or "identify",
        outcome=str(decision.outcome),
        reason=str(decision.reason),
        sentence=SENTENCES[decision.reason],
        facts=facts_of(as_stored, None, person.profile),
        due_at=decision.due_at,
        eligible_again_at=decision.eligible_again_at,
    )
