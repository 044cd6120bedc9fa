"""Plugins in memory: a source that reads JSON, channels and targets that do what a test tells them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from marshmallow import Schema, fields

from hub.plugin import (
    Accepted,
    CustomerUpdate,
    DeliveryReport,
    Done,
    Event,
    EventSource,
    InboundRequest,
    Listener,
    Message,
    Notice,
    Outcome,
    Parked,
    Person,
    Reply,
    ReportKind,
    Retry,
    Secret,
    Sent,
    Stored,
    SurveyChannel,
    SyncTarget,
    Unreadable,
)
from hub.plugins import Plugins
from hub.store.configuration import Role

Send = Callable[[Message, Callable[[], None]], Any]
Push = Callable[[Sequence[CustomerUpdate]], Any]
Hear = Callable[[Notice], Any]


class SourceSettings(Schema):
    """A key, made when left out."""

    api_key = Secret(generate=True, lookup=True)


class OtherSettings(Schema):
    """One secret and one plain setting."""

    password = Secret(load_default=None)
    colour = fields.String(load_default="blue")


class FakeSource(EventSource):
    """Bodies are JSON lists of what `Event` takes; `{"unreadable": why}` is a fault, `{"raise": why}` a bug."""

    kind = "fake"
    config_schema = SourceSettings

    def receive(self, request: InboundRequest) -> Accepted | Reply:
        return Accepted(body=request.body, reply=Reply.json({}))

    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        for item in json.loads(stored.body):
            if "raise" in item:
                raise RuntimeError(item["raise"])
            if "unreadable" in item:
                yield Unreadable(why=item["unreadable"], payload=item)
                continue
            moment = item.get("timestamp")
            when = {"timestamp": datetime.fromisoformat(moment)} if moment else {}
            yield Event(**{"payload": item, "type": "identify", **item, **when})


def send_away(message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
    """Send like an honest channel."""
    point_of_no_return()
    return Sent(provider_id=f"p-{message.id}")


def read_report(item: dict[str, Any]) -> DeliveryReport:
    """Return a report of the fake provider: `[{"id": ..., "kind": ..., "at": ...}]`; one without is a plugin's bug."""
    if "id" not in item:
        return cast("DeliveryReport", item)
    return DeliveryReport(message_id=item["id"], kind=ReportKind(item["kind"]), at=datetime.fromisoformat(item["at"]))


@dataclass
class PostOffice:
    """What fake channels do, by connection name, and what left them."""

    behaviour: dict[str, Send] = field(default_factory=dict)
    mails: list[tuple[str, Message]] = field(default_factory=list)
    erased: list[Person] = field(default_factory=list)
    forgets: Callable[[Person], None] = lambda person: None
    is_out_of_reach: bool = False

    @property
    def addresses(self) -> list[str]:
        """To whom mails left, sorted."""
        return sorted(message.to for _, message in self.mails)

    def channel(self) -> type[SurveyChannel]:
        """Return a channel class that hands its mails to this office."""
        office = self

        class FakeChannel(SurveyChannel):
            kind = "fake"
            config_schema = OtherSettings

            def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Any:
                def depart() -> None:
                    point_of_no_return()
                    office.mails.append((self.name, message))

                return office.behaviour.get(self.name, send_away)(message, depart)

            def reports(self, request: InboundRequest) -> Sequence[DeliveryReport] | Reply:
                if request.headers.get("x-signature") != "genuine":
                    return Reply.json({"code": "401", "message": "forged"}, status=401)
                return [read_report(item) for item in json.loads(request.body)]

            def erase(self, person: Person) -> None:
                if office.is_out_of_reach:
                    raise OSError("out of reach")
                office.forgets(person)
                office.erased.append(person)

        return FakeChannel


@dataclass
class Crm:
    """What fake targets were told, and what they keep of it."""

    updates: list[CustomerUpdate] = field(default_factory=list)
    kept: list[CustomerUpdate] = field(default_factory=list)
    answer: Push = lambda updates: [Done() for _ in updates]
    keeps_surveys_apart: bool = False

    def target(self) -> type[SyncTarget]:
        """Return a target class that writes to this place."""
        crm = self

        class FakeTarget(SyncTarget):
            kind = "fake"
            config_schema = OtherSettings

            @property
            def trait_names(self) -> frozenset[str]:
                return frozenset({"our_rating"})

            @property
            def per_survey(self) -> bool:
                return crm.keeps_surveys_apart

            def survey_trait_names(self, survey: str) -> frozenset[str]:
                return frozenset({f"our_rating_{survey}"} if crm.keeps_surveys_apart else ())

            def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Done | Retry | Parked]:
                crm.updates.extend(updates)
                results: Sequence[Done | Retry | Parked] = crm.answer(updates)
                crm.kept += updates
                return results

            def erase(self, person: Person) -> None:
                crm.kept = [update for update in crm.kept if update.person.user_id != person.user_id]

        return FakeTarget


@dataclass
class Ears:
    """What fake listeners heard."""

    notices: list[Notice] = field(default_factory=list)
    answer: Hear = lambda notice: Done(detail="thanks")

    @property
    def kinds(self) -> list[str]:
        """The kinds of what was heard, in order."""
        return [str(notice.kind) for notice in self.notices]

    def listener(self) -> type[Listener]:
        """Return a listener class that passes notices on to here."""
        ears = self

        class FakeListener(Listener):
            kind = "fake"
            config_schema = OtherSettings

            def hear(self, notice: Notice) -> Done | Retry | Parked:
                ears.notices.append(notice)
                result: Done | Retry | Parked = ears.answer(notice)
                return result

        return FakeListener


def fake_plugins(office: PostOffice, crm: Crm, ears: Ears | None = None) -> Plugins:
    """Return one kind for every role."""
    return Plugins(
        kinds={
            (Role.SOURCE, "fake"): FakeSource,
            (Role.CHANNEL, "fake"): office.channel(),
            (Role.TARGET, "fake"): crm.target(),
            (Role.LISTENER, "fake"): (ears or Ears()).listener(),
        }
    )
