"""Claim: due invitations are checked once more by the rules, and those that may go are taken in hand."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub.domain.identity import mailbox_of
from hub.domain.reasons import Reason
from hub.domain.rules import recheck
from hub.domain.traits import value_of
from hub.domain.world import Person, Survey, World
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import channels, deliveries, worlds
from hub.store.configuration import Role
from hub.store.deliveries import Claimed

CLAIM_SIZE = 200
LOOK_AGAIN = timedelta(minutes=1)
"""When every channel that an invitation may still take is paused."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Claimed invitations and the people they go to."""

    claimed: Sequence[Claimed]
    people: Mapping[str, Person]


def claim(hub: Hub, configuration: Configuration) -> Batch | None:
    """Return the next batch, which is empty when all that was due had to be cancelled; None: nothing is due."""
    now = hub.now()

    def prepare(connection: Connection) -> _Checked:
        return _check_due(connection, configuration, now)

    def write(connection: Connection, checked: _Checked) -> Batch | None:
        if not checked.verdicts:
            return None
        claimed = [one for verdict in checked.verdicts if (one := _settle(connection, verdict, now)) is not None]
        return Batch(claimed=claimed, people=checked.people)

    return hub.store.prepare_and_write(prepare, write)


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    row: Any
    claimed: Claimed | None = None
    reason: Reason | None = None


@dataclass(frozen=True, kw_only=True)
class _Checked:
    verdicts: Sequence[_Verdict]
    people: Mapping[str, Person]


def _check_due(connection: Connection, configuration: Configuration, now: datetime) -> _Checked:
    paused = channels.paused(connection, now)
    verdicts: list[_Verdict] = []
    people: dict[str, Person] = {}
    sending = {survey.id: free for survey in configuration.rules if (free := _free(configuration, survey, paused))}
    for survey_id, free in sending.items():
        room = max(1, CLAIM_SIZE // len(sending))
        rows = deliveries.due(connection, survey_id, now, room)
        world = worlds.new_world(connection, check_address, now)
        ids = {row.person_id for row in rows}
        worlds.load(connection, world, ids=ids, surveys=configuration.rules, now=now)
        people |= {person.id: person for person in world.people.values()}
        verdicts += _recheck_all(world, configuration, survey_id, rows, people, free, now)
    return _Checked(verdicts=verdicts, people=people)


def _free(configuration: Configuration, survey: Survey, paused: Collection[str]) -> list[str]:
    """Return the channels that a survey may send by right now; none while it is off."""
    channel_ids = configuration.surveys[survey.id].connections[Role.CHANNEL] if survey.enabled else []
    return [id for id in channel_ids if id not in paused and configuration.channel(id) is not None]


def _recheck_all(
    world: World,
    configuration: Configuration,
    survey_id: str,
    rows: Sequence[Any],
    people: Mapping[str, Person],
    free: Sequence[str],
    now: datetime,
) -> list[_Verdict]:
    survey = next(one for one in configuration.rules if one.id == survey_id)
    claim = secrets.token_hex(12)
    verdicts = []
    for row in sorted(rows, key=lambda one: (one.due_at, one.id)):
        person = people[row.person_id]
        invitation = world.invitation(row.person_id, row.id)
        reason = recheck(world, survey, person, invitation, now)
        if reason is not None:
            world.cancel(invitation, reason)
            verdicts.append(_Verdict(row=row, reason=reason))
            continue
        channel_id = _next_channel(configuration.surveys[survey_id].connections[Role.CHANNEL], free, row.tried)
        address = check_address(value_of(person.profile, "email"))
        if channel_id is None or address is None:
            verdicts.append(_Verdict(row=row))
            continue
        claimed = Claimed(
            id=row.id,
            survey_id=survey_id,
            person_id=row.person_id,
            mailbox=mailbox_of(address),
            claim=claim,
            channel_id=channel_id,
            tried=tuple(row.tried),
            attempts=row.attempts,
        )
        verdicts.append(_Verdict(row=row, claimed=claimed))
    return verdicts


def _next_channel(channels: Sequence[str], free: Sequence[str], tried: Collection[str]) -> str | None:
    """Return the first free channel that was not tried; once all of a survey's were, they have another turn."""
    if set(channels) <= set(tried):
        return free[0]
    return next((channel for channel in free if channel not in tried), None)


def _settle(connection: Connection, verdict: _Verdict, now: datetime) -> Claimed | None:
    row = verdict.row
    if verdict.reason is not None:
        deliveries.cancel(connection, row.id, row.revision, verdict.reason, now)
    elif verdict.claimed is None:
        deliveries.postpone(connection, row.id, row.revision, now + LOOK_AGAIN)
    elif deliveries.claim(connection, verdict.claimed, row.revision, now):
        return verdict.claimed
    return None
