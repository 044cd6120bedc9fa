"""What every survey channel promises, as tests to inherit.

class TestMyChannel(ChannelContract):
    @pytest.fixture
    def provider(self): ...   # your fake provider, see `FakeProvider`

    @pytest.fixture
    def channel(self, provider): ...   # your channel, talking to it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

import pytest

from hub.plugin import (
    Abandoned,
    ChannelPaused,
    CheckFailed,
    Message,
    NotSent,
    Outcome,
    Rejected,
    Sent,
    SurveyChannel,
    Unknown,
)
from hub.testing.messages import sample_message


class FakeProvider(Protocol):
    """The other side of a channel, in the hands of a test. A fault lasts until the end of the test."""

    def recipients(self) -> Sequence[str]:
        """Return the recipients of all mails that the provider holds and would deliver, one for each mail."""

    def fail_before_departure(self) -> None:
        """From now on break before anything that cannot be recalled arrives (refuse the connection, say).

        `check()` of the channel has to fail then, too.
        """

    def fail_after_departure(self) -> None:
        """From now on take the mail whole, then break without an answer."""

    def refuse(self) -> None:
        """From now on refuse every mail for good."""


@dataclass
class Deliveries:
    """What `send_many` did: outcomes by id, and the most departed messages that had none yet."""

    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    departed: list[str] = field(default_factory=list)
    most_in_doubt: int = 0
    paused: ChannelPaused | None = None


def deliver(channel: SurveyChannel, messages: Sequence[Message], *, refused: Collection[str] = ()) -> Deliveries:
    """Run `send_many` to its end as the hub does, refusing some ids at the point of no return."""
    seen, lock = Deliveries(), Lock()

    def point_of_no_return(batch: Sequence[Message]) -> Collection[str]:
        allowed = {message.id for message in batch} - set(refused)
        with lock:
            seen.departed += sorted(allowed)
            seen.most_in_doubt = max(seen.most_in_doubt, len(seen.departed) - len(seen.outcomes))
        return allowed

    try:
        for outcome in channel.send_many(iter(messages), point_of_no_return):
            with lock:
                seen.outcomes.append(outcome)
    except ChannelPaused as paused:
        seen.paused = paused
    return seen


class ChannelContract:
    """Inherit it as `Test...` and give the fixtures `provider` and `channel`."""

    @pytest.fixture
    def provider(self) -> FakeProvider:
        """Your fake provider."""
        raise NotImplementedError("give a fixture `provider` that returns a FakeProvider")

    @pytest.fixture
    def channel(self, provider: FakeProvider) -> SurveyChannel:
        """Your channel, configured for that provider."""
        raise NotImplementedError("give a fixture `channel` that returns the channel under test")

    @pytest.fixture(autouse=True)
    def _closed_at_the_end(self, channel: SurveyChannel) -> Iterator[None]:
        yield
        channel.close()

    def test_accepted_message_is_sent_and_held_once(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        message = sample_message()
        assert isinstance(channel.send(message, _nothing), Sent)
        assert list(provider.recipients()) == [message.to]

    def test_point_of_no_return_is_passed_once_before_anything_is_held(
        self, channel: SurveyChannel, provider: FakeProvider
    ) -> None:
        held_at_the_point: list[int] = []
        channel.send(sample_message(), lambda: held_at_the_point.append(len(provider.recipients())))
        assert held_at_the_point == [0]

    def test_message_refused_at_the_point_of_no_return_is_abandoned_whole(
        self, channel: SurveyChannel, provider: FakeProvider
    ) -> None:
        with pytest.raises(Abandoned):
            channel.send(sample_message(), _raising(Abandoned()))
        channel.close()
        assert list(provider.recipients()) == []

    def test_message_after_an_abandoned_one_arrives_alone(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        with pytest.raises(Abandoned):
            channel.send(sample_message(id="abandoned"), _raising(Abandoned()))
        message = sample_message(id="next")
        assert isinstance(channel.send(message, _nothing), Sent)
        assert list(provider.recipients()) == [message.to]

    def test_error_of_the_point_of_no_return_leaves_nothing_behind(
        self, channel: SurveyChannel, provider: FakeProvider
    ) -> None:
        outcome: Outcome | None = None
        with suppress(Exception):
            outcome = channel.send(sample_message(), _raising(ConnectionResetError("database away")))
        assert outcome is None or isinstance(outcome, NotSent)
        assert list(provider.recipients()) == []

    def test_fault_before_departure_means_not_sent(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        provider.fail_before_departure()
        deliveries = deliver(channel, [sample_message()])
        assert [type(outcome) for _, outcome in deliveries.outcomes] == [NotSent]
        assert deliveries.departed == []
        assert list(provider.recipients()) == []

    def test_fault_after_departure_means_unknown(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        provider.fail_after_departure()
        message = sample_message()
        deliveries = deliver(channel, [message])
        assert [type(outcome) for _, outcome in deliveries.outcomes] == [Unknown]
        assert deliveries.departed == [message.id]
        assert list(provider.recipients()) == [message.to], "sent more than once, or the fault came too early"

    def test_message_refused_for_good_is_rejected(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        provider.refuse()
        assert isinstance(channel.send(sample_message(), _nothing), Rejected)
        assert list(provider.recipients()) == []

    def test_every_message_of_many_gets_one_outcome(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        messages = _many(channel)
        deliveries = deliver(channel, messages)
        assert Counter(id for id, _ in deliveries.outcomes) == Counter(message.id for message in messages)
        assert all(isinstance(outcome, Sent) for _, outcome in deliveries.outcomes)
        assert Counter(provider.recipients()) == Counter(message.to for message in messages)

    def test_only_messages_that_may_go_get_an_outcome(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        messages = _many(channel)
        refused, allowed = messages[::2], messages[1::2]
        deliveries = deliver(channel, messages, refused=[message.id for message in refused])
        assert Counter(id for id, _ in deliveries.outcomes) == Counter(message.id for message in allowed)
        assert Counter(provider.recipients()) == Counter(message.to for message in allowed)

    def test_never_more_messages_in_doubt_than_declared(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        deliveries = deliver(channel, _many(channel))
        assert 1 <= deliveries.most_in_doubt <= channel.concurrency

    def test_no_messages_need_no_work(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        assert deliver(channel, []) == Deliveries()

    def test_failing_channel_tells_what_became_of_each_message_it_took(
        self, channel: SurveyChannel, provider: FakeProvider
    ) -> None:
        provider.fail_before_departure()
        messages, taken = _many(channel), list[Message]()
        deliveries = deliver(channel, _Noting(messages, taken))
        assert Counter(id for id, _ in deliveries.outcomes) == Counter(message.id for message in taken)
        assert {type(outcome) for _, outcome in deliveries.outcomes} == {NotSent}

    def test_check_passes_and_sends_nothing(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        channel.check()
        assert list(provider.recipients()) == []

    def test_check_fails_with_words_when_the_provider_does(
        self, channel: SurveyChannel, provider: FakeProvider
    ) -> None:
        provider.fail_before_departure()
        with pytest.raises(CheckFailed, match=r"\w"):
            channel.check()

    def test_channel_can_be_closed_twice(self, channel: SurveyChannel, provider: FakeProvider) -> None:
        channel.send(sample_message(), _nothing)
        channel.close()
        channel.close()


class _Noting(list[Message]):
    """A list whose iterator notes what was taken from it."""

    def __init__(self, messages: Sequence[Message], taken: list[Message]) -> None:
        super().__init__(messages)
        self._taken = taken

    def __iter__(self) -> Iterator[Message]:
        for message in list.__iter__(self):
            self._taken.append(message)
            yield message


def _nothing() -> None:
    pass


def _raising(error: BaseException) -> Callable[[], None]:
    def point_of_no_return() -> None:
        raise error

    return point_of_no_return


def _many(channel: SurveyChannel) -> list[Message]:
    return [sample_message(id=f"inv-{number}") for number in range(3 * channel.concurrency)]
