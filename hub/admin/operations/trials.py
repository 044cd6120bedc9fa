"""Trying a connection: a check as it is stored or as it is edited, a test mail, a test notice. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from hub import containment
from hub.admin import audit
from hub.admin.configuration import planning, sealing, texts
from hub.admin.names import connection_named
from hub.config import ConfigError
from hub.containment import Escaped, Hung, contained
from hub.domain.identity import mailbox_of
from hub.logs import masked, visible, without_secrets
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.pipeline.notify import hear
from hub.plugin import (
    ChannelPaused,
    CheckFailed,
    Done,
    Listener,
    Message,
    Notice,
    NoticeKind,
    NotSent,
    Outcome,
    Provider,
    Rejected,
    Retry,
    Sent,
    SurveyChannel,
    Unknown,
)
from hub.registry import Connection
from hub.store import suppressions
from hub.store.configuration import Role, StoredConnection
from hub.store.types import new_id, storable

MOST_LINES = 500
LONGEST_LINE = 1_000
_TYPE_AGAIN = "type it once more: a kept secret is tried only with the settings it was saved with"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Whether a connection can work right now, and why not; `dialogue` is what its plugin told of the conversation."""

    ok: bool
    sentence: str
    dialogue: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class TestMail:
    """What became of a test mail: sent, not_sent, rejected or unknown; `words` are the provider's."""

    __test__ = False

    outcome: str
    sentence: str
    words: str
    provider_id: str | None = None
    dialogue: Sequence[str] = ()


def check(hub: Hub, role: Role, name: str) -> Checked:
    """Ask a connection, as it is stored, whether it can work; sends nothing. Raises NotThere."""
    return _check(hub, connection_named(hub.registry.current(), role, name).stored, is_edited=False)


def check_edited(hub: Hub, role: Role, name: str, table: Mapping[str, Any]) -> Checked:
    """Ask a connection with the settings of this table, as `hub apply` reads it; sends nothing and stores nothing.

    `(kept)` stands for a stored secret, unless another setting differs from what is stored: a secret goes only where
    it was saved to go. Raises ConfigError with the path of every problem.
    """
    return _check(hub, _edited(hub, role, name, table), is_edited=True)


@dataclass(frozen=True, kw_only=True)
class TrialOf:
    """A survey whose mail is tried: with the settings in `raw`, stored or not, in a language, None the survey's own."""

    survey: str
    raw: Mapping[str, Any]
    language: str | None = None


def send_test(
    hub: Hub, channel: str, to: str, *, table: Mapping[str, Any] | None = None, of: TrialOf | None = None
) -> TestMail:
    """Send the mail of a survey, or of none, over a channel, as stored or with the settings of `table`.

    Its links lead to no survey. No state is touched: no interval, no rate, no pause. Raises NotThere for an unknown
    channel, and ConfigError for an address that must not be mailed and for wrong settings, as `check_edited` does.
    """
    why_not = why_not_to(hub, to)
    if why_not:
        raise ConfigError([f"to: {to!r} {why_not}"])
    address = check_address(to)
    assert address is not None
    if table is None:
        stored = connection_named(hub.registry.current(), Role.CHANNEL, channel).stored
    else:
        stored = _edited(hub, Role.CHANNEL, channel, table)
    sent = send_message(hub, stored, lambda provider: _message(hub, provider, address, of))
    told = {"to": address, "outcome": sent.outcome, "edited": table is not None}
    told |= {"survey": of.survey} if of is not None else {}
    audit.note_alone(hub, audit.Action.TEST_MAIL_SENT, f"channels.{channel}", **told)
    return sent


def why_not_to(hub: Hub, to: str) -> str:
    """Return why no test mail goes to an address, as in "is no address that can be mailed"; "" where one does."""
    address = check_address(to)
    if address is None:
        return "is no address that can be mailed"
    with hub.store.read() as connection:
        if suppressions.is_suppressed(connection, mailbox_of(address)):
            return "is on the suppression list: nothing is mailed to it"
    return ""


def send_message(
    hub: Hub, stored: StoredConnection, make: Callable[[SurveyChannel], Message], *, what: str = "test mail"
) -> TestMail:
    """Send a message beside all that is counted; return what became of it. `what` is what its sentence calls it."""
    with _made(hub, stored) as (connection, lines):
        if not isinstance(connection.provider, SurveyChannel):
            return _told(NotSent(why=connection.problem or "its plugin made no channel"), lines, what)
        outcome = hand_over(connection.provider, stored.id, make(connection.provider))
    return _told(outcome, lines, what)


def send_test_notice(hub: Hub, listener: str) -> Checked:
    """Tell a listener, as it is stored, that this is a test; return what it said. Raises NotThere."""
    stored = connection_named(hub.registry.current(), Role.LISTENER, listener).stored
    notice = Notice(id=f"test-{new_id()}", kind=NoticeKind.TEST, at=hub.now(), link=hub.settings.base_url)
    with _made(hub, stored) as (connection, lines):
        provider = connection.provider
        why = connection.problem or "its plugin made no listener"
        said = hear(provider, stored.id, notice) if isinstance(provider, Listener) else Retry(why=why)
    audit.note_alone(hub, audit.Action.NOTICE_TESTED, f"listeners.{listener}", ok=isinstance(said, Done))
    if isinstance(said, Done):
        sentence = f"It took the test notice. {_safe(said.detail)}".rstrip()
        return Checked(ok=True, sentence=sentence, dialogue=tuple(lines))
    sentence = f"It did not take the test notice: {masked(said.why).rstrip('.')}."
    return Checked(ok=False, sentence=sentence, dialogue=tuple(lines))


def _edited(hub: Hub, role: Role, name: str, table: Mapping[str, Any]) -> StoredConnection:
    known = hub.registry.current().named(role, name)
    made = planning.plan_change(hub, {role.plural: {name: table}})
    [(wanted, config)] = made.connections
    elsewhere = sealing.secrets_that_would_go_elsewhere(hub, wanted, config)
    if elsewhere:
        raise ConfigError([f"{wanted.path}.{key}: {_TYPE_AGAIN}" for key in elsewhere])
    return StoredConnection(
        id=known.id if known is not None else new_id(),
        role=role,
        name=name,
        kind=wanted.kind,
        config=config,
        options=wanted.options,
        created_at=hub.now(),
    )


@contextmanager
def _made(hub: Hub, stored: StoredConnection) -> Iterator[tuple[Connection, list[str]]]:
    """Make a provider of its own for this trial, whose plugin can tell what is said; it is closed at the end."""
    lines: list[str] = []

    def tell(line: str) -> None:
        if len(lines) < MOST_LINES:
            lines.append(_safe(line))

    services = replace(hub.registry.services(hub.registry.current().hub_id), tell=tell)
    connection = hub.registry.connect(stored, services)
    try:
        yield connection, lines
    finally:
        if connection.provider is not None:
            with suppress(Exception):
                contained(connection.provider.close, of=stored.id, doing="close", within_s=containment.MADE_WITHIN_S)


def _safe(text: str) -> str:
    return storable(visible(without_secrets(str(text)[: 2 * LONGEST_LINE])))[:LONGEST_LINE]


def _check(hub: Hub, stored: StoredConnection, *, is_edited: bool) -> Checked:
    with _made(hub, stored) as (connection, lines):
        problem = connection.problem
        if connection.provider is not None:
            problem = _asked(connection.provider, stored.id)
    subject = f"{stored.role.plural}.{stored.name}"
    audit.note_alone(hub, audit.Action.CONNECTION_CHECKED, subject, ok=problem is None, edited=is_edited)
    if problem is not None:
        return Checked(ok=False, sentence=f"{problem.rstrip('.')}.", dialogue=tuple(lines))
    return Checked(ok=True, sentence="It can work.", dialogue=tuple(lines))


def _asked(provider: Provider, connection_id: str) -> str | None:
    try:
        contained(provider.check, of=connection_id, doing="check", within_s=containment.CHECKED_WITHIN_S)
    except (CheckFailed, Hung) as error:
        return masked(str(error))
    except Exception as error:  # noqa: BLE001  a plugin may raise anything
        return masked(f"its check failed: {type(error).__name__}: {error}")
    return None


def _message(hub: Hub, channel: SurveyChannel, address: str, of: TrialOf | None) -> Message:
    if of is None:
        return texts.trial_mail(hub, "", {}, to=address, channel=channel, sample={})
    return texts.trial_mail(hub, of.survey, of.raw, to=address, channel=channel, language=of.language)


def hand_over(
    channel: SurveyChannel, connection_id: str, message: Message, *, may_go: Callable[[], bool] = lambda: True
) -> Outcome:
    """Hand one mail over as the hub does it; without an outcome, whether it departed says what is known.

    `may_go` is asked at the point of no return.
    """
    departed: list[str] = []

    def depart(batch: Sequence[Message]) -> list[str]:
        gone = [one.id for one in batch if may_go()]
        departed.extend(gone)
        return gone

    def send() -> list[tuple[str, Outcome]]:
        return list(channel.send_many(iter([message]), depart))

    try:
        outcomes = contained(send, of=connection_id, doing="send", within_s=containment.DONE_WITHIN_S)
    except ChannelPaused as paused:
        why = paused.why
    except (Hung, Escaped) as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001  a plugin may raise anything
        why = f"{type(error).__name__}: {error}"
    else:
        given = next((outcome for id, outcome in outcomes if id == message.id), None)
        if isinstance(given, Outcome):
            return given
        why = "the channel gave no outcome"
    return Unknown(why=why) if departed else NotSent(why=why)


_OUTCOMES: Mapping[type, tuple[str, str]] = {
    Sent: ("sent", "The mail system took the {what}."),
    NotSent: ("not_sent", "The {what} was not sent."),
    Rejected: ("rejected", "The provider refused the {what} for good."),
    Unknown: ("unknown", "Nobody can know whether the {what} left."),
}


def _told(outcome: Outcome, lines: Sequence[str], what: str) -> TestMail:
    name, sentence = _OUTCOMES[type(outcome)]
    return TestMail(
        outcome=name,
        sentence=sentence.format(what=what),
        words=_safe(outcome.detail if isinstance(outcome, Sent) else outcome.why),
        provider_id=outcome.provider_id if isinstance(outcome, Sent) else None,
        dialogue=tuple(lines),
    )
