"""Deliver: due invitations are claimed, checked once more, rendered, and handed over past the point of no return."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from sqlalchemy import Connection

from hub import containment, stopping
from hub.containment import Hung, contained
from hub.domain.traits import display_name, language_of, value_of
from hub.domain.world import Person
from hub.failpoints import failpoint
from hub.mail.addresses import check_address
from hub.mail.message import InvitationMail, render
from hub.pipeline.claim import Batch, claim
from hub.pipeline.hub import Hub
from hub.pipeline.links import survey_url, unsubscribe_url
from hub.plugin import ChannelPaused, Message, NotSent, Outcome, Sent, SurveyChannel, Unknown
from hub.registry import Configuration
from hub.store import claims, departures, leases, outcomes, pauses
from hub.store.claims import Claimed
from hub.store.configuration import Role
from hub.store.engine import patiently
from hub.store.group_commit import GroupCommit
from hub.store.outcomes import Concluded

log = logging.getLogger(__name__)


def drain(hub: Hub, *, until: float) -> int:
    """Send what is due, until nothing is or the monotonic clock passes `until`; return the number handed over."""
    sent = 0
    while not stopping.is_time_up(until):
        configuration = hub.registry.current()
        batch = claim(hub, configuration)
        if batch is None:
            break
        if isinstance(batch, timedelta):
            if time.monotonic() + batch.total_seconds() > until:
                break
            stopping.sleep(batch.total_seconds())
            continue
        failpoint("deliver.claimed")
        with stopping.or_else(partial(_give_up, hub, batch)):
            for channel_id in {claimed.channel_id for claimed in batch.claimed}:
                members = [claimed for claimed in batch.claimed if claimed.channel_id == channel_id]
                sent += _Run(hub, configuration, channel_id, members, batch.people, until=until).send()
    return sent


def _give_up(hub: Hub, batch: Batch) -> None:
    """End a batch whose channels hang when this process has to end: only what departed is in doubt."""
    mine = {claimed.claim for claimed in batch.claimed}
    requeued, unknown = hub.store.transact(lambda connection: leases.give_up(connection, mine))
    log.warning("Channels did not answer in time: %d put back, %d unknown", requeued, unknown)


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
        self._accused: set[str] = set()
        self._ending = threading.Lock()
        self._is_over = False
        """The channel had its time: what its threads do from now on changes nothing."""
        self._paused: ChannelPaused | None = None
        self._worked = False
        self._faults = 0
        """Messages in a row that it failed or left in doubt."""
        self._last_fault = ""
        self._writes: list[tuple[Concluded, Future[set[str]]]] = []
        self._commits: GroupCommit[Sequence[Claimed] | Concluded, set[str]] = GroupCommit(
            self._write, name=f"deliver-{channel.name}"
        )

    def send(self) -> int:
        """Return how many messages were handed over."""
        left_s = max(0.0, self._until - time.monotonic())
        try:
            contained(
                self._hand_over,
                of=self._channel_id,
                doing="send",
                within_s=left_s + containment.DONE_WITHIN_S,
                claim=next(iter(self._claimed.values())).claim,
            )
        except ChannelPaused as error:
            self._paused = error
        except Hung as hung:
            self._paused = ChannelPaused(str(hung))
        except Exception as error:
            log.exception("Channel %s failed", self._channel.name)
            self._paused = ChannelPaused(f"{type(error).__name__}: {error}")
        finally:
            with self._ending:
                self._is_over = True
            self._finish(self._paused)
        return len(self._concluded)

    def _hand_over(self) -> None:
        for message_id, outcome in self._channel.send_many(self._messages(), self._point_of_no_return):
            with self._ending:
                if self._is_over:
                    return
                self._take(message_id, outcome)

    def _messages(self) -> Iterator[Message]:
        for claimed in self._claimed.values():
            if self._paused is not None or self._is_over or stopping.is_time_up(self._until):
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
        mine = {message.id for message in messages} & self._handed_over
        if len(mine) < len(messages):
            self._accuse("passed the point of no return with a message that it was not given")
        if mine & self._departed:
            self._accuse("passed the point of no return twice with one message")
        gone = self._commits.submit([self._claimed[message_id] for message_id in sorted(mine)])
        failpoint("deliver.departed")
        self._departed |= gone
        self._refused |= mine - gone
        return gone

    def _take(self, message_id: str, said: object) -> None:
        """Take what the channel says of a message."""
        failpoint("deliver.answered")
        if message_id not in self._handed_over or message_id in self._concluded:
            self._accuse("gave an outcome for a message that it was not given")
            return
        outcome = said if isinstance(said, Outcome) else self._no_outcome(message_id, said)
        if isinstance(outcome, Sent) and message_id not in self._departed:
            self._doubt(message_id)
        self._conclude(message_id, outcome)

    def _doubt(self, message_id: str) -> None:
        """Notice a mail that is said to have left although that was not allowed, or not asked."""
        if message_id not in self._refused:
            self._accuse("sent a mail without passing the point of no return")
            return
        what = "sent a mail that must not be sent any more: its plugin does not let Abandoned pass"
        self._accuse(what)
        self._paused = self._paused or ChannelPaused(f"it {what}")

    def _accuse(self, what: str) -> None:
        """Say what a channel's plugin does wrong, once for a run."""
        if what not in self._accused:
            self._accused.add(what)
            log.error("Channel %s %s", self._channel.name, what)

    def _conclude(self, message_id: str, outcome: Outcome) -> None:
        claimed = self._claimed[message_id]
        self._judge_channel(outcome)
        self._concluded.add(message_id)
        survey_channels = self._configuration.surveys[claimed.survey_id].connections[Role.CHANNEL]
        concluded = Concluded(claimed=claimed, outcome=outcome, channels=survey_channels)
        self._writes.append((concluded, self._commits.post(concluded)))

    def _judge_channel(self, outcome: Outcome) -> None:
        """Notice a channel that fails one message after the other: nothing more is handed to it."""
        if isinstance(outcome, NotSent) and outcome.pause:
            self._paused = self._paused or ChannelPaused(outcome.why, retry_after_s=outcome.retry_after_s)
        if not (isinstance(outcome, Unknown) or (isinstance(outcome, NotSent) and outcome.channel_fault)):
            self._worked, self._faults = True, 0
            return
        self._faults, self._last_fault = self._faults + 1, outcome.why
        if self._faults >= pauses.FAULTS_ALLOWED:
            self._paused = self._paused or _broken(self._faults, outcome.why)

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
        self._record_again()
        failpoint("deliver.recorded")
        left = [one for one in self._claimed.values() if one.id not in self._concluded]
        now = self._hub.now()

        def write(connection: Connection) -> ChannelPaused | None:
            reason = paused or self._too_many_faults(connection)
            if reason is not None:
                self._pause(connection, reason, now)
            claims.release(connection, left, tried=reason is not None)
            return reason

        self._hub.store.transact(write)

    def _record_again(self) -> None:
        """Record what the database did not take, in case it is back: mails would be in doubt for nothing."""
        lost = [concluded for concluded, written in self._writes if written.exception() is not None]
        if lost:
            log.warning("The database did not take the outcomes of %d messages; trying again", len(lost))
            patiently(lambda: self._write(lost))

    def _too_many_faults(self, connection: Connection) -> ChannelPaused | None:
        """Count what failed since the channel last worked, also in other runs and processes."""
        if self._worked:
            pauses.resume(connection, self._channel_id)
        if not self._faults:
            return None
        faults = pauses.count_faults(connection, self._channel_id, self._faults)
        return _broken(faults, self._last_fault) if faults >= pauses.FAULTS_ALLOWED else None

    def _pause(self, connection: Connection, paused: ChannelPaused, now: datetime) -> None:
        until, is_first = pauses.pause(
            connection, self._channel_id, why=paused.why, after_s=paused.retry_after_s, now=now
        )
        # One alarm for one trouble, however often it is tried again.
        level = logging.ERROR if is_first else logging.INFO
        log.log(level, "Channel %s is paused until %s: %s", self._channel.name, until, paused.why)

    def _write(self, items: Sequence[Sequence[Claimed] | Concluded]) -> list[set[str]]:
        """Record outcomes and departures in one transaction; return for each departure the ids that may go."""
        now = self._hub.now()
        intervals = {survey.id: survey.rules.min_interval for survey in self._configuration.rules}

        def write(connection: Connection) -> set[str]:
            for item in items:
                if isinstance(item, Concluded):
                    outcomes.conclude(connection, item, now)
            leaving = [claimed for item in items if not isinstance(item, Concluded) for claimed in item]
            if not leaving:
                return set()
            gone = departures.depart(connection, leaving, intervals, now)
            failpoint("deliver.before_departure")
            return gone

        gone = self._hub.store.transact(write)
        return [set() if isinstance(item, Concluded) else gone & {one.id for one in item} for item in items]


def _broken(faults: int, why: str) -> ChannelPaused:
    return ChannelPaused(f"{faults} messages in a row failed, the last one: {why}")


def _sender_name(channel: SurveyChannel) -> str:
    try:
        return channel.sender_name
    except Exception:
        log.exception("Channel %s could not say in whose name it sends", channel.name)
        return ""


def brand_of(hub: Hub, configuration: Configuration, survey_id: str, channel_id: str | None) -> str:
    """Return whom the mail speaks for: the survey's brand, else the channel's sender, else this hub's host name."""
    survey = configuration.surveys.get(survey_id)
    brand = survey.settings.get("brand") if survey else None
    channel = configuration.channel(channel_id) if channel_id else None
    return str(brand or (channel and _sender_name(channel)) or urlsplit(hub.settings.base_url).hostname)
