"""The default `send_many`: what becomes of each message when something breaks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime

import pytest
import requests
from marshmallow import Schema

from hub.plugin import ChannelPaused, Message, NotSent, Outcome, Sent, Services, SurveyChannel, Unknown
from hub.testing.channels import deliver
from hub.testing.messages import sample_message

SERVICES = Services(
    http=requests.Session,
    now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
    hub_id="h1",
    base_url="https://survey.acme.example",
)


class PostBox(SurveyChannel):
    """Takes everything; ids starting with a fault's name meet that fault."""

    kind = "post_box"
    config_schema = Schema
    concurrency = 2

    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        if message.id == "early":
            raise OSError("jammed")
        if message.id == "paused":
            raise ChannelPaused("no stamps", retry_after_s=5)
        point_of_no_return()
        if message.id == "late":
            raise OSError("jammed")
        return Sent()


@pytest.fixture
def box() -> PostBox:
    return PostBox("box", {}, SERVICES)


@pytest.mark.parametrize(
    ("id", "outcome"),
    [
        ("fine", Sent()),
        ("early", NotSent(why="OSError: jammed", channel_fault=True)),
        ("late", Unknown(why="OSError: jammed")),
    ],
)
def test_what_was_raised_is_judged_by_when(id: str, outcome: Outcome, box: PostBox) -> None:
    assert deliver(box, [sample_message(id=id)]).outcomes == [(id, outcome)]


def test_pause_is_raised_after_the_outcomes(box: PostBox) -> None:
    deliveries = deliver(box, [sample_message(id=id) for id in ("fine", "paused")])
    assert dict(deliveries.outcomes)["fine"] == Sent()
    assert dict(deliveries.outcomes)["paused"] == NotSent(why="no stamps", channel_fault=True)
    assert deliveries.paused is not None


def test_error_of_the_point_of_no_return_is_not_the_channels_fault(box: PostBox) -> None:
    def away(batch: Sequence[Message]) -> Collection[str]:
        raise ConnectionError("database away")

    outcomes = list(box.send_many(iter([sample_message(id="fine")]), away))
    assert outcomes == [("fine", NotSent(why="ConnectionError: database away", channel_fault=False))]


def test_error_of_the_messages_is_raised_after_the_outcomes_of_those_under_way(box: PostBox) -> None:
    def messages() -> Iterator[Message]:
        yield sample_message(id="fine")
        raise LookupError("cannot render")

    outcomes: list[tuple[str, Outcome]] = []
    with pytest.raises(LookupError):
        outcomes.extend(box.send_many(messages(), lambda batch: {message.id for message in batch}))
    assert outcomes == [("fine", Sent())]
