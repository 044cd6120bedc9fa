"""The sync target: one identify a person with the newest answer, sent to Segment's batch endpoint."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import requests
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from hub.plugin import (
    CheckFailed,
    CustomerUpdate,
    Done,
    Limits,
    Parked,
    Person,
    Retry,
    Secret,
    SyncTarget,
)
from hub_segment.answers import Answer, Taken, Unavailable, judge, unreachable
from hub_segment.batching import MAX_EVENTS, batches, request_body
from hub_segment.echo import LIBRARY, VERSION, marks

HOSTS = {"us": "https://api.segment.io", "eu": "https://events.eu1.segmentapis.com"}
MAX_EVENT_BYTES = 32_768

Result = Done | Retry | Parked
_Numbered = list[tuple[int, bytes]]


def _trait(default: str, what: str) -> fields.String:
    return fields.String(
        load_default=default,
        validate=validate.Length(min=1, max=100),
        metadata={"help": f"The trait that gets {what}.", "rare": True},
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
        validate=validate.OneOf(["us", "eu"]),
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

    @validates_schema
    def refuse_one_name_for_two_traits(self, settings: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse names of which one would overwrite another."""
        names = [settings.get(f"{name}_trait") for name in ("rating", "comment", "date")]
        if len(set(names)) < len(names):
            raise ValidationError("rating_trait, comment_trait and date_trait must differ.")


class SegmentTarget(SyncTarget):
    """Answers as traits of the customer in Segment."""

    kind = "segment"
    config_schema = TargetSettings
    limits = Limits(count=MAX_EVENTS, per_second=1_000)
    timeout_s: ClassVar[tuple[float, float]] = (5.0, 30.0)
    """To connect, and between bytes of the answer."""

    @property
    def trait_names(self) -> frozenset[str]:
        """The three traits, as this connection names them."""
        return frozenset(self.config[name] for name in ("rating_trait", "comment_trait", "date_trait"))

    def check(self) -> None:
        """Send a batch without events; one refused for being empty has arrived, too.

        A wrong key may pass: Segment answers most of them like right ones.
        """
        answer = self._post([])
        if isinstance(answer, Unavailable):
            raise CheckFailed(answer.why)

    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Result]:
        """Send one identify an update; after an answer that bodes ill for all, leave the rest for later."""
        results: dict[int, Result] = {}
        events: _Numbered = []
        sent_at = _iso(self.services.now())
        for number, update in enumerate(updates):
            event = self._event(update, sent_at)
            if isinstance(event, Parked):
                results[number] = event
            else:
                events.append((number, event))
        results |= self._send(events)
        return [results[number] for number in range(len(updates))]

    def _send(self, events: _Numbered) -> dict[int, Result]:
        results: dict[int, Result] = {}
        waiting = deque(batches(events))
        while waiting:
            batch = waiting.popleft()
            answer = self._post([event for _, event in batch])
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
                data=request_body(events, _iso(now)),
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

    def _event(self, update: CustomerUpdate, sent_at: str) -> bytes | Parked:
        identity = _identity(update.person)
        if identity is None:
            return Parked(code="no_segment_id", why="This person has no userId or anonymousId at Segment.")
        traits = {
            self.config["rating_trait"]: update.rating,
            self.config["comment_trait"]: update.comment,
            self.config["date_trait"]: _iso(update.rated_at),
        }
        event = msgspec.json.encode(
            {
                "type": "identify",
                "messageId": update.message_id,
                **identity,
                "traits": traits,
                "timestamp": sent_at,
                **marks(self.services.hub_id),
            }
        )
        if len(event) > MAX_EVENT_BYTES:
            return Parked(code="too_large", why=f"The event has {len(event)} bytes; Segment takes 32768.")
        return event


def _identity(person: Person) -> dict[str, str] | None:
    """Return the id Segment knows a person by; of several anonymous ones the oldest: it stays the same."""
    if person.user_id:
        return {"userId": person.user_id}
    if person.anonymous_ids:
        return {"anonymousId": person.anonymous_ids[0]}
    return None


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
