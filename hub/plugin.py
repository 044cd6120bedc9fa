"""The one module that plugins import: provider classes, the values they exchange with the hub, their errors.

A plugin offers *provider classes* through the hooks in `hub.hookspecs`. The hub instantiates a class once for every
*connection* an operator has configured, so that one kind can serve any number of named connections.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

import pluggy
import requests
from marshmallow import Schema, fields

__all__ = [
    "HUB_API",
    "Abandoned",
    "Accepted",
    "ChannelPaused",
    "CheckFailed",
    "CustomerUpdate",
    "DeliveryReport",
    "Done",
    "Event",
    "EventSource",
    "InboundRequest",
    "Limits",
    "Listener",
    "Message",
    "NotSent",
    "Notice",
    "NoticeKind",
    "Outcome",
    "Parked",
    "Person",
    "Provider",
    "Rejected",
    "Reply",
    "ReportKind",
    "Retry",
    "Secret",
    "Sent",
    "Services",
    "Stored",
    "SurveyChannel",
    "SyncTarget",
    "Unknown",
    "Unreadable",
    "hookimpl",
]

HUB_API = 1
"""The version of this module. It is raised when plugins written for the version before would no longer work.

A plugin may say in its module which versions it works with, the oldest and the newest: `hub_api = (1, 1)`.
"""

hookimpl = pluggy.HookimplMarker("survey_hub")


# Errors


class CheckFailed(Exception):
    """Raised by `Provider.check`: the connection cannot work right now. The message says why and what to do."""


class ChannelPaused(Exception):
    """Raised by a channel that cannot work at all (login refused, server unreachable). Nothing in hand was sent.

    `retry_after_s` is how long the hub leaves the channel alone; None lets the hub choose.
    """

    def __init__(self, why: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after_s = retry_after_s


class Abandoned(BaseException):
    """Raised by `point_of_no_return()`: this message must not be sent any more. Let it pass through.

    A BaseException, so that a broad `except Exception` around a provider's client does not swallow it.
    """


# Configuration


class Secret(fields.String):
    """A marshmallow text field whose value is encrypted at rest and masked wherever it is shown.

    `generate=True`: the hub makes a random value when none is given, by `make` where it must have a form of its own.
    `lookup=True`: the hub can find the connection by this value (it keeps a hash), as for the API key that a sender
    presents.
    """

    def __init__(
        self,
        *,
        generate: bool = False,
        lookup: bool = False,
        make: Callable[[], str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.generate = generate
        self.lookup = lookup
        self.make = make or _random_text


def _random_text() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the hub lends to a provider.

    `http` returns the calling thread's `requests.Session`; `now` the current time (aware, UTC); `hub_id` is a short
    lower-case id that no other hub has; `base_url` is the public address of this hub without a trailing slash.
    `tell` takes a line of the conversation with the other side, for a person who watches a check or a test mail:
    without credentials. At all other times it is None.
    """

    http: Callable[[], requests.Session]
    now: Callable[[], datetime]
    hub_id: str
    base_url: str
    tell: Callable[[str], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Person:
    """A customer as plugins see one. `anonymous_ids` are ordered, oldest first."""

    user_id: str | None
    anonymous_ids: tuple[str, ...] = ()
    email: str | None = None


class Provider(ABC):
    """The base of every provider class. One instance is one configured connection; it may be used by many threads."""

    kind: ClassVar[str]
    """What operators write in `kind = "..."`: lower-case letters, digits and underscores."""
    config_schema: ClassVar[type[Schema]]
    """The connection's settings, as a marshmallow schema; also their documentation (`metadata={"help": ...}`)."""

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        """Take `config` as loaded by `config_schema`. No I/O here; `check` is the place for it."""
        self.name = name
        self.config = config
        self.services = services

    def check(self) -> None:
        """Raise `CheckFailed` if the connection cannot work right now. Sends nothing to any customer."""

    def erase(self, person: Person) -> None:
        """Forget a person wherever this provider keeps something about one. Called when a person is erased."""

    def close(self) -> None:
        """Release connections. Called when the configuration changes and when a process ends."""


# Event sources


@dataclass(frozen=True, kw_only=True)
class InboundRequest:
    """An HTTP request. Header names are lower-case; `body` is already gunzipped; `path` starts with a slash."""

    method: str
    path: str
    arrived_at: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """Return a reply whose body is `value` as compact JSON."""
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls(status=status, body=body, headers=headers or {})


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """Returned by `EventSource.receive`: store `body` durably, then answer `reply`. `hint` comes back in `Stored`."""

    body: bytes
    reply: Reply
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A stored body on its way into `EventSource.read`."""

    body: bytes
    arrived_at: datetime
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One customer event, in the words of Segment's common fields.

    `timestamp` is when it happened, already corrected for the sender's clock; None means "when it arrived".
    `traits` are the customer's attributes as sent; `fallback_traits` fill what `traits` lack (Segment's
    `context.traits`). `echo` marks our own sync coming back. `payload` is the event as received, kept for people
    to look at. Without a `message_id` the hub derives one from the payload and the day of arrival. `name` and
    `properties` are a `track` event's: a survey may name one as its trigger.
    """

    type: str
    payload: Mapping[str, Any]
    message_id: str | None = None
    user_id: str | int | float | None = None
    anonymous_id: str | int | float | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)
    fallback_traits: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    timestamp: datetime | None = None
    locale: str | None = None
    timezone: str | None = None
    echo: bool = False
    active: bool = True
    """False when the sender says that the customer did nothing (Segment's `context.active`): never a trigger."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """One event of a body that could not be read. Stored as a rejection with this reason, seen by people."""

    why: str
    payload: Any = None
    message_id: str | None = None


class EventSource(Provider):
    """Where customer events come from."""

    paths: ClassVar[tuple[str, ...]] = ()
    """Root paths of this kind; a trailing `/*` takes everything below. `/sources/<name>` always works."""
    cors: ClassVar[bool] = False
    """Whether browsers may send from other origins: the hub answers preflights and adds the headers."""
    max_body: int = 512_000
    """Bytes of a body after decompression; more is refused with 413. An instance may set its own, which counts for
    `/sources/<name>`."""

    @classmethod
    def key(cls, request: InboundRequest) -> str | None:
        """Return the credential in a request on one of `paths`. The hub finds the connection by its hash."""
        return None

    @classmethod
    def without_key(cls, request: InboundRequest) -> Reply | None:
        """Return the answer to a request on one of `paths` that needs no connection, None to refuse it with 401."""
        return None

    @classmethod
    def trouble(cls, status: int, message: str, retry_after_s: int | None = None) -> Reply:
        """Return an error in the sender's dialect: what the hub refuses before or without `receive`."""
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else {}
        return Reply.json({"code": str(status), "message": message}, status=status, headers=headers)

    @abstractmethod
    def receive(self, request: InboundRequest) -> Accepted | Reply:
        """Authenticate and accept a request, without I/O: this is the hot path. A `Reply` stores nothing."""

    @abstractmethod
    def read(self, stored: Stored) -> Iterable[Event | Unreadable]:
        """Return the events of a stored body, in order. Pure: the same body always gives the same events."""


# Survey channels


@dataclass(frozen=True, kw_only=True)
class Message:
    """A survey invitation, ready to hand over.

    `id` is the invitation's opaque id, safe to give to a provider. `headers` are further mail headers
    (List-Unsubscribe and so on). `mime(sender)` returns the complete mail with CRLF line ends and `From: sender`.
    `link` opens the survey without a score chosen, `unsubscribe_link` the page that ends all surveys: for messages
    that are shorter than a mail.
    """

    id: str
    to: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    mime: Callable[[str], bytes]
    link: str = ""
    unsubscribe_link: str = ""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The mail system took the message. `provider_id` is its name for it, when it gave one."""

    provider_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class NotSent:
    """The message certainly did not leave; the hub tries again later.

    `channel_fault`: try the next channel. `pause`: leave this channel alone, for `retry_after_s` or as long as the
    hub chooses (a refused key, a quota used up); messages not handed over yet take the next channel.
    """

    why: str
    retry_after_s: float | None = None
    channel_fault: bool = False
    pause: bool = False


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """The provider refused this message for good. `no_mailbox`: the address does not exist (a hard bounce)."""

    why: str
    no_mailbox: bool = False


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Nobody can know whether the message left. It is never sent again by itself; a person sees it."""

    why: str


Outcome: TypeAlias = Sent | NotSent | Rejected | Unknown


class ReportKind(StrEnum):
    """What a provider may report about a message after it took it."""

    DELIVERED = "delivered"
    """The mailbox took it."""
    DEFERRED = "deferred"
    """Not yet; the provider goes on trying. Only noted."""
    DROPPED = "dropped"
    """The provider never sent it: it does not count as sent."""
    BOUNCED = "bounced"
    """The mailbox refused it. Unless the report says otherwise that is for good, and it is never mailed again."""
    COMPLAINED = "complained"
    """Its reader called it spam: never mailed again."""
    UNSUBSCRIBED = "unsubscribed"
    """Its reader wants no more: never mailed again."""


@dataclass(frozen=True, kw_only=True)
class DeliveryReport:
    """What a provider says later about a message; `message_id` is the `Message.id` it was sent under.

    `permanent=False`: a bounce that says nothing about the mailbox (blocked as spam, say); it may be mailed again.
    """

    message_id: str
    kind: ReportKind
    at: datetime
    detail: str = ""
    permanent: bool = True


class SurveyChannel(Provider):
    """How invitations reach customers."""

    concurrency: int = 8
    """Messages in flight at once: as many may be in doubt after a crash. An instance may set its own."""

    @property
    def sender_name(self) -> str:
        """The name customers see as the sender: the brand of a survey that names none."""
        return ""

    @abstractmethod
    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        """Deliver one message. Call `point_of_no_return()` right before the bytes that can't be recalled.

        Whatever is raised before that call means: not sent. After it, without an outcome: unknown. Raise
        `ChannelPaused` when the channel cannot work at all.
        """

    def send_many(
        self,
        messages: Iterator[Message],
        point_of_no_return: Callable[[Sequence[Message]], Collection[str]],
    ) -> Iterator[tuple[str, Outcome]]:
        """Deliver messages as they come and yield `(message.id, outcome)`; override it to pipeline.

        `point_of_no_return(batch)` may be called from many threads; it returns the ids that may go. A message that
        was refused gets no outcome. By default `concurrency` threads call `send`.
        """
        failure: Exception | None = None
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix=f"send-{self.name}") as pool:
            pending: set[Future[tuple[str, Outcome | ChannelPaused | None]]] = set()
            exhausted = False
            while pending or not exhausted:
                while not exhausted and failure is None and len(pending) < self.concurrency:
                    try:
                        message = next(messages, None)
                    except Exception as error:  # noqa: BLE001  raised below, after the outcomes of those under way
                        failure = error
                        break
                    if message is None:
                        exhausted = True
                        break
                    pending.add(pool.submit(self._send_one, message, point_of_no_return))
                if not pending:
                    break
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    message_id, outcome = future.result()
                    if isinstance(outcome, ChannelPaused):
                        failure = failure or outcome
                        outcome = NotSent(why=outcome.why, channel_fault=True)
                    if outcome is not None:
                        yield message_id, outcome
        if failure is not None:
            raise failure

    def _send_one(
        self, message: Message, point_of_no_return: Callable[[Sequence[Message]], Collection[str]]
    ) -> tuple[str, Outcome | ChannelPaused | None]:
        departed = False
        is_channel_fault = True

        def depart() -> None:
            nonlocal departed, is_channel_fault
            is_channel_fault = False
            allowed = point_of_no_return([message])
            is_channel_fault = True
            if message.id not in allowed:
                raise Abandoned
            departed = True

        try:
            outcome: Outcome | ChannelPaused | None = self.send(message, depart)
        except Abandoned:
            outcome = None
        except ChannelPaused as paused:
            outcome = Unknown(why=f"the channel gave up midway: {paused.why}") if departed else paused
        except BaseException as error:  # noqa: BLE001  a provider may raise anything; the phase says what it means
            why = f"{type(error).__name__}: {error}"
            outcome = Unknown(why=why) if departed else NotSent(why=why, channel_fault=is_channel_fault)
        return message.id, outcome

    def reports(self, request: InboundRequest) -> Sequence[DeliveryReport] | Reply:
        """Return what the provider's call on `/channels/<id>/events` reports; refuse a forged one with a reply.

        Reports may come twice, in any order, and before `send` returned; about unknown messages they are ignored.
        """
        return Reply.json({"code": "not_found", "message": "This channel takes no reports."}, status=404)


# Sync targets


@dataclass(frozen=True, kw_only=True)
class CustomerUpdate:
    """One person's newest answer, to be written where customer records live.

    `message_id` is the same at every attempt and different for every version of an answer. `rated_at` is when the
    score was given (aware, UTC); `comment` is "" when there is none.

    `first_rated_at` is when the answer's first score was given, `given_at` when this version of it was: later than
    `rated_at` where a comment was added. `is_rating_told` where the target took this very rating before, and only the
    comment is another. `is_newest` is false only at a target with `per_survey`: the person has given a newer answer to
    another survey.

    Events that a target writes beside its update have the update's `message_id` with a hyphen and a word behind it;
    by that the hub knows them when they come back.
    """

    message_id: str
    person: Person
    survey: str
    rating: int
    comment: str
    rated_at: datetime
    first_rated_at: datetime | None = None
    given_at: datetime | None = None
    is_rating_told: bool = False
    is_newest: bool = True


@dataclass(frozen=True, kw_only=True)
class Done:
    """The target took the update, or the listener the notice."""

    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """The target or listener did not take it now; try again, not before `after_s` seconds."""

    why: str
    after_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Parked:
    """The target refuses this update, the listener this notice, for good; a person has to look."""

    why: str
    code: str = "refused"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """At most `count` updates a `push` and `per_second` updates a second (0: no limit)."""

    count: int = 100
    per_second: float = 0


class SyncTarget(Provider):
    """Where answers flow back to."""

    limits: Limits = Limits()

    @property
    def trait_names(self) -> frozenset[str]:
        """The customer attributes this target writes. The hub remembers them to recognise its own echo."""
        return frozenset()

    @property
    def per_survey(self) -> bool:
        """Whether it keeps the newest answer to each survey; otherwise only the newest of all reaches it."""
        return False

    def survey_trait_names(self, survey: str) -> frozenset[str]:
        """Return the further customer attributes that answers to the survey of this name are written to."""
        return frozenset()

    @abstractmethod
    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Done | Retry | Parked]:
        """Write updates; return one result for each, in order. Raising means: retry all of them."""


# Listeners


class NoticeKind(StrEnum):
    """What listeners can be told."""

    ANSWERED = "answered"
    """A customer answered, or changed an answer."""
    DETRACTOR = "detractor"
    """An answer, new or changed, whose score is 0 to 6."""
    BOUNCED = "bounced"
    """A mailbox refused a survey mail."""
    CHANNEL_PAUSED = "channel_paused"
    """A channel that worked until now is left alone."""
    BRAKE = "brake"
    """The surge brake of a survey began to hold invitations."""
    TEST = "test"
    """A person tries whether notices arrive."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that happened in the hub.

    `id` is the same at every attempt; `at` is when it happened (aware, UTC). `survey` and `person` are there where it
    is about one. `link` leads to the page of the console that shows it, `answer_link` to that of the answer where it is
    about one. `data` is plain JSON, by kind:
    answered and detractor `rating`, `comment`, `rated_at`, `version` (1, and more for an answer that was changed);
    bounced `permanent`, `detail`, `channel`; channel_paused `channel`, `why`, `until`, `surveys`; brake `held`.
    """

    id: str
    kind: NoticeKind
    at: datetime
    survey: str | None = None
    person: Person | None = None
    link: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    answer_link: str = ""


class Listener(Provider):
    """Who is told what happens in the hub."""

    @abstractmethod
    def hear(self, notice: Notice) -> Done | Retry | Parked:
        """Pass one notice on. Raising means: try again later."""
