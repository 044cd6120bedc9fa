"""Deliver: due invitations are claimed, checked once more, rendered, and handed over past the point of no return."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from sqlalchemy import Connection

from hub import containment, stopping
from hub.containment import Hung, contained
from hub.domain.traits import display_name, value_of
from hub.failpoints import failpoint
from hub.mail.addresses import check_address
from hub.mail.message import InvitationMail, render
from hub.pipeline import news
from hub.pipeline.hub import Hub
from hub.pipeline.journal import Journal
from hub.pipeline.links import logo_url, survey_url, unsubscribe_url
from hub.pipeline.supply import InHand, Supply
from hub.plugin import ChannelPaused, Message, NotSent, Outcome, Sent, SurveyChannel, Unknown
from hub.registry import Configuration
from hub.store import claims, departures, outcomes, pauses
from hub.store.claims import Claimed
from hub.store.configuration import Role
from hub.store.outcomes import Concluded

log = logging.getLogger(__name__)


def drain(hub: Hub, *, until: float) -> int:
    """Send what is due, until nothing is or the monotonic clock passes `until`; return the number handed over."""
    sent = 0
    supply = Supply(hub, until=until)
    with stopping.or_else(supply.give_up):
        while not stopping.is_time_up(until):
            configuration = hub.registry.current()
            wait = supply.claim(configuration)
            while (channel_id := supply.next_channel()) is not None:
                sent += _Run(hub, configuration, channel_id, supply, until=until).send()
            supply.check()
            if wait is None or time.monotonic() + wait.total_seconds() > until:
                break
            stopping.sleep(wait.total_seconds())
    return sent


class _Run:
    """One channel's turn: what is in hand for it, and what falls to it meanwhile."""

    def __init__(
        self,
        hub: Hub,
        configuration: Configuration,
        channel_id: str,
        supply: Supply,
        *,
        until: float,
    ) -> None:
        channel = configuration.channel(channel_id)
        assert channel is not None, "only working channels are claimed for"
        self._hub = hub
        self._configuration = configuration
        self._channel: SurveyChannel = channel
        self._channel_id = channel_id
        self._supply = supply
        self._until = until
        self._first = supply.take(channel_id)
        self._claimed = {one.claimed.id: one.claimed for one in self._first}
        """What has no outcome yet."""
        self._handed_over: set[str] = set()
        self._departed: set[str] = set()
        self._refused: set[str] = set()
        self._concluded: set[str] = set()
        self._accused: set[str] = set()
        self._ending = threading.Lock()
        self._is_over = False
        """The channel had its time: what its threads do from now on changes nothing."""
        self._is_cut_short = False
        """The job ended, for no fault of the channel's."""
        self._paused: ChannelPaused | None = None
        with hub.store.read() as connection:
            self._failures = pauses.failures_of(connection, channel_id)
        self._worked = False
        self._faults = 0
        """Messages in a row that it failed or left in doubt."""
        self._last_fault = ""
        self._journal = Journal(self._write, name=channel.name)

    def send(self) -> int:
        """Return how many messages were handed over."""
        left_s = max(0.0, self._until - time.monotonic())
        try:
            contained(
                self._hand_over,
                of=self._channel_id,
                doing="send",
                within_s=left_s + containment.DONE_WITHIN_S,
                claim=self._supply.worker,
            )
        except ChannelPaused as error:
            self._paused = error
        except Hung as hung:
            self._paused = ChannelPaused(str(hung))
        except Exception as error:
            log.exception("Channel %s failed", self._channel.name)
            self._paused = ChannelPaused(f"{type(error).__name__}: {error}")
        except BaseException:
            self._is_cut_short = True
            raise
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
        waiting = self._first
        while waiting:
            for one in waiting:
                if self._paused is not None or self._is_over or stopping.is_time_up(self._until):
                    return
                if one.claimed.id in self._handed_over:
                    continue  # claimed anew because its lease ran out: the message in hand goes under the new claim
                message = self._render(one)
                if message is not None:
                    self._handed_over.add(one.claimed.id)
                    yield message
            waiting = self._more()

    def _more(self) -> Sequence[InHand]:
        with self._ending:
            found = () if self._is_over else self._supply.more(self._configuration, self._channel_id)
            self._claimed |= {one.claimed.id: one.claimed for one in found}
        return found

    def _render(self, in_hand: InHand) -> Message | None:
        claimed, person = in_hand.claimed, in_hand.person
        address = check_address(value_of(person.profile, "email"))
        token = self._hub.keys.token_of(claimed.id)
        base_url = self._hub.settings.base_url
        texts = self._configuration.texts[claimed.survey_id]
        try:
            return render(
                InvitationMail(
                    id=claimed.id,
                    to=address or "",
                    name=display_name(person.profile),
                    survey_url=survey_url(base_url, token),
                    unsubscribe_url=unsubscribe_url(base_url, token),
                    brand=brand_of(self._hub, self._configuration, claimed.survey_id, claimed.channel_id),
                    language=claimed.language,
                    message_id_domain=f"{self._configuration.hub_id}.survey-hub",
                    sent_at=self._hub.now(),
                    colour=texts.brand_colour or None,
                    logo_url=logo_url(base_url, texts.logo) or None,
                    texts=texts,
                    trait=partial(value_of, person.profile),
                    is_reminder=claimed.reminder_of is not None,
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
        in_hand = (self._claimed.get(message_id) for message_id in sorted(mine))
        gone = self._journal.depart([one for one in in_hand if one is not None])
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
        claimed = self._claimed.pop(message_id)
        self._judge_channel(outcome)
        self._concluded.add(message_id)
        survey_channels = self._configuration.surveys[claimed.survey_id].connections[Role.CHANNEL]
        self._journal.conclude(Concluded(claimed=claimed, outcome=outcome, channels=survey_channels))

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
        is_done = paused is None and not self._is_cut_short
        forgotten = self._handed_over - self._departed - self._refused - self._concluded if is_done else ()
        for message_id in forgotten:
            self._conclude(message_id, NotSent(why="the channel gave no outcome", channel_fault=True))
        self._journal.close()
        failpoint("deliver.recorded")
        left = list(self._claimed.values())
        now = self._hub.now()

        def write(connection: Connection) -> ChannelPaused | None:
            reason = paused or self._too_many_faults(connection)
            if reason is not None:
                self._pause(connection, reason, now)
            claims.release(connection, left, tried=reason is not None)
            return reason

        self._hub.store.transact(write)

    def _too_many_faults(self, connection: Connection) -> ChannelPaused | None:
        """Count what failed since the channel last worked, also in other runs and processes."""
        if self._worked:
            pauses.resume(connection, self._channel_id, up_to=self._failures)
        if not self._faults or self._is_cut_short:
            return None
        faults = pauses.count_faults(connection, self._channel_id, self._faults)
        return _broken(faults, self._last_fault) if faults >= pauses.FAULTS_ALLOWED else None

    def _pause(self, connection: Connection, paused: ChannelPaused, now: datetime) -> None:
        until, is_first = pauses.pause(
            connection, self._channel_id, why=paused.why, after_s=paused.retry_after_s, now=now
        )
        if is_first:
            news.tell_of_pause(connection, self._configuration, self._channel_id, why=paused.why, until=until, now=now)
        # One alarm for one trouble, however often it is tried again.
        level = logging.ERROR if is_first else logging.INFO
        log.log(level, "Channel %s is paused until %s: %s", self._channel.name, until, paused.why)

    def _write(self, concluded: Sequence[Concluded], leaving: Sequence[Claimed]) -> set[str]:
        """Record outcomes and departures in one transaction; return the ids that may go."""
        now = self._hub.now()
        intervals = {survey.id: survey.rules.min_interval for survey in self._configuration.rules}

        def write(connection: Connection) -> set[str]:
            for one in outcomes.conclude(connection, concluded, now):
                news.tell_of_refusal(connection, self._configuration, one, now)
            if not leaving:
                return set()
            gone = departures.depart(connection, leaving, intervals, now)
            failpoint("deliver.before_departure")
            return gone

        return self._hub.store.transact(write)


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
    return str(brand or brand_name(hub, channel))


def brand_name(hub: Hub, channel: SurveyChannel | None) -> str:
    """Return whom a mail speaks for where no survey says so: the channel's sender, else this hub's host name."""
    return str((channel and _sender_name(channel)) or urlsplit(hub.settings.base_url).hostname)
