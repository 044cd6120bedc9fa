"""The sync target: answers as identifies, and as track events beside them, sent to Segment's batch endpoint."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import requests
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from hub.plugin import (
    CheckFailed,
    CustomerUpdate,
    Done,
    Limits,
    Parked,
    Retry,
    Secret,
    Services,
    SyncTarget,
)
from hub_segment.answers import Answer, Taken, Unavailable, judge, unreachable
from hub_segment.batching import MAX_EVENTS, batches, request_body
from hub_segment.echo import LIBRARY, VERSION
from hub_segment.outgoing import events_of, iso, plain_traits, traits_of

HOSTS = {"us": "https://api.segment.io", "eu": "https://events.eu1.segmentapis.com"}
MAX_EVENTS_PER_SECOND = 1_000
MOST_EVENTS_AN_UPDATE = 3

Result = Done | Retry | Parked
_Numbered = list[tuple[int, list[bytes]]]


def _trait(default: str, what: str) -> fields.String:
    return fields.String(
        load_default=default,
        validate=validate.Length(min=1, max=100),
        metadata={"help": f"The trait that gets {what}.", "rare": True},
    )


def _event(default: str, when: str) -> fields.String:
    return fields.String(
        load_default=default,
        validate=validate.Length(min=1, max=100),
        metadata={"help": f"The name of the track event {when}.", "rare": True},
    )


class TargetSettings(Schema):
    """What an operator sets."""

    write_key = Secret(
        required=True,
        validate=validate.Length(min=1),
        metadata={"help": "The write key of a Segment source (Settings > API Keys)."},
    )
    region = fields.String(
        load_default="us",
        validate=validate.OneOf(["us", "eu"], labels=["us: United States", "eu: European Union"]),
        metadata={"help": "Where the workspace lives. Segment silently drops what goes to the wrong one."},
    )
    host = fields.Url(
        load_default=None,
        allow_none=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"help": "Another address than the region's, for a proxy.", "rare": True},
    )
    rating_trait = _trait("NPS_rating", "the score, 0 to 10")
    comment_trait = _trait("NPS_comment", "the comment, empty when there is none")
    date_trait = _trait("NPS_date", "the time of the score")
    per_survey = fields.Boolean(
        load_default=False,
        metadata={
            "help": "Whether each survey's newest answer has traits of its own, such as NPS_rating_onboarding.",
            "label": "Also write traits for each survey",
        },
    )
    track = fields.Boolean(
        load_default=False,
        metadata={
            "help": "Whether each answer is sent as track events, too, beside the traits.",
            "label": "Also send track events",
        },
    )
    answered_event = _event("NPS Survey Answered", "for a score")
    completed_event = _event("NPS Survey Completed", "for an answer with a comment")

    @validates_schema
    def refuse_one_name_for_two_traits(self, settings: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse names of which one would overwrite another."""
        names = [settings.get(f"{name}_trait") for name in ("rating", "comment", "date")]
        if len(set(names)) < len(names):
            raise ValidationError("rating_trait, comment_trait and date_trait must differ.")

    @validates_schema
    def refuse_one_name_for_two_events(self, settings: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse names by which nobody could tell a score from a comment."""
        if settings.get("answered_event") == settings.get("completed_event"):
            raise ValidationError("answered_event and completed_event must differ.")


class SegmentTarget(SyncTarget):
    """Answers as traits of the customer in Segment, and as events when these are wanted."""

    kind = "segment"
    config_schema = TargetSettings
    limits = Limits(count=MAX_EVENTS, per_second=MAX_EVENTS_PER_SECOND)
    timeout_s: ClassVar[tuple[float, float]] = (5.0, 30.0)
    """To connect, and between bytes of the answer."""

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        if config["track"]:
            most = MAX_EVENTS_PER_SECOND / MOST_EVENTS_AN_UPDATE
            self.limits = Limits(count=MAX_EVENTS, per_second=most)

    @property
    def trait_names(self) -> frozenset[str]:
        """The three traits, as this connection names them."""
        return frozenset(plain_traits(self.config))

    @property
    def per_survey(self) -> bool:
        """As it is set."""
        return bool(self.config["per_survey"])

    def survey_trait_names(self, survey: str) -> frozenset[str]:
        """The three traits with the survey's name behind them, when surveys are kept apart."""
        return frozenset(traits_of(survey, self.config)) if self.per_survey else frozenset()

    def check(self) -> None:
        """Send a batch without events; one refused for being empty has arrived, too.

        A wrong key may pass: Segment answers most of them like right ones.
        """
        answer = self._post([])
        if isinstance(answer, Unavailable):
            raise CheckFailed(answer.why)

    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Result]:
        """Send the events of each update together; after an answer that bodes ill for all, leave the rest for later."""
        results: dict[int, Result] = {}
        sendable: _Numbered = []
        sent_at = self.services.now()
        for number, update in enumerate(updates):
            events = events_of(update, self.config, hub_id=self.services.hub_id, sent_at=sent_at)
            if isinstance(events, Parked):
                results[number] = events
            else:
                sendable.append((number, events))
        results |= self._send(sendable)
        return [results[number] for number in range(len(updates))]

    def _send(self, updates: _Numbered) -> dict[int, Result]:
        results: dict[int, Result] = {}
        waiting = deque(batches(updates))
        while waiting:
            batch = waiting.popleft()
            answer = self._post([event for _, events in batch for event in events])
            if isinstance(answer, Taken):
                results |= {number: Done() for number, _ in batch}
            elif isinstance(answer, Unavailable):
                retry = Retry(why=answer.why, after_s=answer.after_s)
                return results | {number: retry for rest in (batch, *waiting) for number, _ in rest}
            elif len(batch) == 1:
                results[batch[0][0]] = Parked(why=answer.why)
            else:
                middle = len(batch) // 2
                waiting.extendleft([batch[middle:], batch[:middle]])
        return results

    def _post(self, events: Sequence[bytes]) -> Answer:
        now = self.services.now()
        try:
            response = self.services.http().post(
                f"{self._host}/v1/batch",
                data=request_body(events, iso(now)),
                auth=(self.config["write_key"], ""),
                headers={"Content-Type": "application/json", "User-Agent": f"{LIBRARY}/{VERSION}"},
                timeout=self.timeout_s,
                allow_redirects=False,  # a followed redirect turns the POST into a GET
            )
        except requests.RequestException as error:
            return unreachable(error, self._host)
        return judge(response, now)

    @property
    def _host(self) -> str:
        return str(self.config.get("host") or HOSTS[self.config["region"]]).rstrip("/")
