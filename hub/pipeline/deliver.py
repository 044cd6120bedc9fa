"""Deliver: due invitations are claimed, checked once more, rendered, and handed over past the point of no return."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from hub.domain.identity import mailbox_of
from hub.domain.reasons import Reason
from hub.domain.rules import recheck
from hub.domain.traits import display_name, language_of, value_of
from hub.domain.world import Person, Survey, World
from hub.mail.addresses import check_address
from hub.mail.message import InvitationMail, render
from hub.pipeline.hub import Hub
from hub.pipeline.links import survey_url, unsubscribe_url
from hub.plugin import ChannelPaused, Message, NotSent, Outcome, SurveyChannel, Unknown
from hub.registry import Configuration
from hub.store import channels, deliveries, worlds
from hub.store.configuration import Role
from hub.store.deliveries import Claimed, Concluded
from hub.store.group_commit import GroupCommit

log = logging.getLogger(__name__)

CLAIM_SIZE = 200
LOOK_AGAIN = timedelta(minutes=1)
"""When every channel that an invitation may still take is paused."""


def drain(hub: Hub, *, until: float) -> int:
    """Send what is due, until nothing is or the monotonic clock passes `until`; return the number handed over."""
    sent = 0
    while time.monotonic() < until:
        configuration = hub.registry.current()
        batch = _claim(hub, configuration)
        if batch is None:
            break
        for channel_id in {claimed.channel_id for claimed in batch.claimed}:
            members = [claimed for claimed in batch.claimed if claimed.channel_id == channel_id]
            sent += _Run(hub, configuration, channel_id, members, batch.people, until=until).send()
    return sent


# Claiming


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Claimed invitations and the people they go to."""

    claimed: Sequence[Claimed]
    people: Mapping[str, Person]


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    row: Any
    claimed: Claimed | None = None
    reason: Reason | None = None


@dataclass(frozen=True, kw_only=True)
class _Checked:
    verdicts: Sequence[_Verdict]
    people: Mapping[str, Person]


def _claim(hub: Hub, configuration: Configuration) -> Batch | None:
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


# Sending


class _Run:
    """One channel's share of a batch."""

    def __init__(
        self,
        hub: Hub,
        configuration: Configuration,
        channel_id: str,
        claimed: Sequence[Claimed],
        people: Mapping[str, Person],
        *,
        until: float,
    ) -> None:
        channel = configuration.channel(channel_id)
        assert channel is not None, "only working channels are claimed for"
        self._hub = hub
        self._configuration = configuration
        self._channel: SurveyChannel = channel
        self._channel_id = channel_id
        self._claimed = {one.id: one for one in claimed}
        self._people = people
        self._until = until
        self._handed_over: set[str] = set()
        self._departed: set[str] = set()
        self._refused: set[str] = set()
        self._concluded: set[str] = set()
        self._paused: ChannelPaused | None = None
        self._writes: list[Future[set[str]]] = []
        self._commits: GroupCommit[Sequence[Claimed] | Concluded, set[str]] = GroupCommit(
            self._write, name=f"deliver-{channel.name}"
        )

    def send(self) -> int:
        """Return how many messages were handed over."""
        try:
            for message_id, outcome in self._channel.send_many(self._messages(), self._point_of_no_return):
                self._conclude(message_id, outcome)
        except ChannelPaused as error:
            self._paused = error
        except Exception as error:
            log.exception("Channel %s failed", self._channel.name)
            self._paused = ChannelPaused(f"{type(error).__name__}: {error}")
        finally:
            self._finish(self._paused)
        return len(self._concluded)

    def _messages(self) -> Iterator[Message]:
        for claimed in self._claimed.values():
            if self._paused is not None or time.monotonic() > self._until:
                return
            message = self._render(claimed)
            if message is not None:
                self._handed_over.add(claimed.id)
                yield message

    def _render(self, claimed: Claimed) -> Message | None:
        person = self._people[claimed.person_id]
        address = check_address(value_of(person.profile, "email"))
        token = self._hub.keys.token_of(claimed.id)
        base_url = self._hub.settings.base_url
        try:
            return render(
                InvitationMail(
                    id=claimed.id,
                    to=address or "",
                    name=display_name(person.profile),
                    survey_url=survey_url(base_url, token),
                    unsubscribe_url=unsubscribe_url(base_url, token),
                    brand=brand_of(self._hub, self._configuration, claimed.survey_id, claimed.channel_id),
                    language=language_of(person.profile, person.locale) or "en",
                    message_id_domain=f"{self._configuration.hub_id}.survey-hub",
                    sent_at=self._hub.now(),
                )
            )
        except Exception as error:
            log.exception("Invitation %s could not be rendered", claimed.id)
            self._conclude(claimed.id, NotSent(why=f"the mail could not be made: {type(error).__name__}: {error}"))
            return None

    def _point_of_no_return(self, messages: Sequence[Message]) -> Collection[str]:
        gone = self._commits.submit([self._claimed[message.id] for message in messages])
        self._departed |= gone
        self._refused |= {message.id for message in messages} - gone
        return gone

    def _conclude(self, message_id: str, said: object) -> None:
        claimed = self._claimed.get(message_id)
        if claimed is None or message_id in self._concluded:
            log.error("Channel %s gave an outcome for a message it was not given", self._channel.name)
            return
        outcome = said if isinstance(said, Outcome) else self._no_outcome(message_id, said)
        if isinstance(outcome, NotSent) and outcome.pause:
            self._paused = self._paused or ChannelPaused(outcome.why, retry_after_s=outcome.retry_after_s)
        self._concluded.add(message_id)
        survey_channels = self._configuration.surveys[claimed.survey_id].connections[Role.CHANNEL]
        concluded = Concluded(claimed=claimed, outcome=outcome, channels=survey_channels)
        self._writes.append(self._commits.post(concluded))

    def _no_outcome(self, message_id: str, said: object) -> Outcome:
        log.error("Channel %s gave something that is no outcome: %s", self._channel.name, type(said).__name__)
        why = f"the channel's plugin gave a {type(said).__name__} for an outcome"
        return Unknown(why=why) if message_id in self._departed else NotSent(why=why, channel_fault=True)

    def _finish(self, paused: ChannelPaused | None) -> None:
        """Give every message without an outcome the one that its phase tells, and write it all down."""
        for message_id in self._departed - self._concluded:
            self._conclude(message_id, Unknown(why="the channel gave no outcome"))
        forgotten = self._handed_over - self._departed - self._refused - self._concluded if paused is None else ()
        for message_id in forgotten:
            self._conclude(message_id, NotSent(why="the channel gave no outcome", channel_fault=True))
        self._commits.close()
        left = [one for one in self._claimed.values() if one.id not in self._concluded]
        now = self._hub.now()

        def write(connection: Connection) -> None:
            if paused is not None:
                until = channels.pause(
                    connection, self._channel_id, why=paused.why, after_s=paused.retry_after_s, now=now
                )
                log.error("Channel %s is paused until %s: %s", self._channel.name, until, paused.why)
            else:
                channels.worked(connection, [self._channel_id] if self._departed else [])
            deliveries.release(connection, left, tried=paused is not None)

        self._hub.store.transact(write)
        for written in self._writes:
            written.result()

    def _write(self, items: Sequence[Sequence[Claimed] | Concluded]) -> list[set[str]]:
        """Record outcomes and departures in one transaction; return for each departure the ids that may go."""
        now = self._hub.now()
        intervals = {survey.id: survey.rules.min_interval for survey in self._configuration.rules}

        def write(connection: Connection) -> set[str]:
            for item in items:
                if isinstance(item, Concluded):
                    deliveries.conclude(connection, item, now)
            leaving = [claimed for item in items if not isinstance(item, Concluded) for claimed in item]
            return deliveries.depart(connection, leaving, intervals, now) if leaving else set()

        gone = self._hub.store.transact(write)
        return [set() if isinstance(item, Concluded) else gone & {one.id for one in item} for item in items]


def brand_of(hub: Hub, configuration: Configuration, survey_id: str, channel_id: str | None) -> str:
    """Return whom the mail speaks for: the survey's brand, else the channel's sender, else this hub's host name."""
    survey = configuration.surveys.get(survey_id)
    brand = survey.settings.get("brand") if survey else None
    channel = configuration.channel(channel_id) if channel_id else None
    return str(brand or (channel and channel.sender_name) or urlsplit(hub.settings.base_url).hostname)
