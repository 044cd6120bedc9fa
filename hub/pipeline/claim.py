"""Claim: due invitations are checked once more by the rules, and those that may go are taken in hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub.domain.identity import mailbox_of
from hub.domain.reasons import Reason
from hub.domain.rechecks import recheck
from hub.domain.traits import value_of
from hub.domain.world import Person, Survey, World
from hub.mail.addresses import check_address
from hub.mail.own_texts import language_for
from hub.pipeline.hub import Hub
from hub.pipeline.turns import Turns, Waits, turns_to_take
from hub.registry import Configuration
from hub.store import claims, holds, reminders, worlds
from hub.store.claims import Claimed
from hub.store.configuration import Role

LOOK_AGAIN = timedelta(minutes=1)
"""When every channel that an invitation may still take is paused."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Claimed invitations and the people they go to."""

    claimed: Sequence[Claimed]
    people: Mapping[str, Person]


def claim(hub: Hub, configuration: Configuration, *, size: int, name: str) -> Batch | timedelta | None:
    """Return the next batch, which is empty when all that was due had to be cancelled; None: nothing is due.

    A time is how long it takes until a channel's rate lets the next message go. `name` is what it is claimed under;
    no two batches may have the same.
    """

    def prepare(connection: Connection) -> _Checked:
        return _check_due(connection, configuration, hub.now(), size=size, name=name)

    def write(connection: Connection, checked: _Checked) -> Batch | timedelta | None:
        if not checked.verdicts:
            return checked.wait
        now = hub.now()  # the claim lasts from here on: many checks take their time
        claimed = _settle(connection, checked.verdicts, now)
        checked.turns.record(connection, now)
        return Batch(claimed=claimed, people=checked.people)

    return hub.store.prepare_and_write(prepare, write)


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    row: Any
    claimed: Claimed | None = None
    reason: Reason | None = None
    opens_at: datetime | None = None
    """When its window opens; None: it is open."""


@dataclass(frozen=True, kw_only=True)
class _Checked:
    verdicts: Sequence[_Verdict]
    people: Mapping[str, Person]
    turns: Turns
    wait: timedelta | None


def _check_due(
    connection: Connection, configuration: Configuration, now: datetime, *, size: int, name: str
) -> _Checked:
    turns = turns_to_take(connection, configuration, now)
    is_held = holds.current(connection) is not None
    sending = [
        survey
        for survey in configuration.rules
        if survey.enabled and not is_held and turns.usable(_channels(configuration, survey))
    ]
    rows: list[Any] = []
    waits: list[timedelta] = []
    for survey in sending:
        ways = _channels(configuration, survey)
        room = min(turns.room(ways), max(1, size // len(sending)))
        if room:
            rows += claims.due(connection, survey.id, now, room)
        else:
            waits.append(turns.wait(ways))
    world = worlds.new_world(connection, check_address, now, due=[row.id for row in rows])
    worlds.load(connection, world, ids={row.person_id for row in rows}, surveys=configuration.rules, now=now)
    reminders.load_first_mails(connection, world, {row.reminder_of for row in rows if row.reminder_of is not None})
    people = {person.id: person for person in world.people.values()}
    verdicts = _recheck_all(world, configuration, rows, turns, now, name=name)
    return _Checked(verdicts=verdicts, people=people, turns=turns, wait=min(waits, default=None))


def _channels(configuration: Configuration, survey: Survey) -> Sequence[str]:
    return configuration.surveys[survey.id].connections[Role.CHANNEL]


def _recheck_all(
    world: World,
    configuration: Configuration,
    rows: Sequence[Any],
    turns: Turns,
    now: datetime,
    *,
    name: str,
) -> list[_Verdict]:
    """Return what becomes of each row, in the order in which they fell due; those that wait for their turn are left."""
    surveys = {survey.id: survey for survey in configuration.rules}
    people = {person.id: person for person in world.people.values()}
    verdicts = []
    for row in sorted(rows, key=lambda one: (one.due_at, one.id)):
        survey, person = surveys[row.survey_id], people[row.person_id]
        invitation = world.invitation(row.person_id, row.id)
        reason = recheck(world, survey, person, invitation, now)
        if reason is not None:
            world.cancel(invitation, reason)
            verdicts.append(_Verdict(row=row, reason=reason))
            continue
        opens_at = now if invitation.is_at_once else survey.rules.opens_at(now, person.timezone)
        if opens_at > now:
            verdicts.append(_Verdict(row=row, opens_at=opens_at))
            continue
        channel = turns.take(_channels(configuration, survey), row.tried)
        if isinstance(channel, Waits):
            continue
        claimed = _claimed(row, person, configuration, channel, name) if channel else None
        verdicts.append(_Verdict(row=row, claimed=claimed))
    return verdicts


def _claimed(row: Any, person: Person, configuration: Configuration, channel_id: str, claim: str) -> Claimed | None:
    address = check_address(value_of(person.profile, "email"))
    if address is None:
        return None
    return Claimed(
        id=row.id,
        survey_id=row.survey_id,
        person_id=row.person_id,
        mailbox=mailbox_of(address),
        claim=claim,
        channel_id=channel_id,
        tried=tuple(row.tried),
        attempts=row.attempts,
        revision=row.revision,
        texts_version=configuration.surveys[row.survey_id].texts_version,
        language=language_for(configuration.texts[row.survey_id], person.profile, person.locale),
        reminder_of=row.reminder_of,
    )


def _settle(connection: Connection, verdicts: Sequence[_Verdict], now: datetime) -> list[Claimed]:
    """Write the verdicts down; return what is in hand now."""
    refused = [(verdict.row, verdict.reason) for verdict in verdicts if verdict.reason is not None]
    claims.cancel(connection, refused, now)
    waiting: dict[datetime, list[Any]] = defaultdict(list)
    wanted = []
    for verdict in verdicts:
        if verdict.claimed is not None:
            wanted.append(verdict.claimed)
        elif verdict.reason is None:
            waiting[verdict.opens_at or now + LOOK_AGAIN].append(verdict.row)
    for until, rows in waiting.items():
        claims.postpone(connection, rows, until)
    taken = claims.claim(connection, wanted, now)
    return [one for one in wanted if one.id in taken]
