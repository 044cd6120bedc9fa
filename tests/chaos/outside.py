"""The outside world, and the only witness: a mail server, a SendGrid and a Segment that remember what they took.

Each does what is usual until a fault tells it otherwise. What they remember is what the verdict goes by, not what
the hub's own tables say.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default

from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub.testing.smtp_server import Act, Phase, ReceivedMail, Say, ScriptedSmtpServer

_LINK = re.compile(r"https?://\S+/s/[\w.~-]+")
TAKEN_BY_SENDGRID = Answer(status=202, body=b"")


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A survey mail that a mail system holds: it is in somebody's mailbox, whatever the hub believes."""

    mailbox: str
    invitation_id: str
    link: str
    via: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer as Segment knows it."""

    user_id: str
    rating: int
    comment: str


class Outside:
    """Everything the hub talks to; use it as a context manager."""

    def __init__(self) -> None:
        self.mail = ScriptedSmtpServer()
        self.sendgrid = RecordingServer()
        self.segment = RecordingServer()
        self.letters: list[Letter] = []
        self.told: dict[str, list[Told]] = defaultdict(list)
        """What Segment took, in order, by userId."""
        self.refused: set[str] = set()
        """Mailboxes that a mail system refused for good."""
        self.poisonous: set[str] = set()
        """userIds whose identify makes Segment refuse the whole batch."""
        self.in_doubt = 0
        """Mails that were taken or not, and the hub was not told."""
        self.at_phase: Counter[Phase] = Counter()
        """How many dialogues wait for the mail server's answer to what, right now."""
        self.on_mail: Callable[[Phase, str], Act | None] = lambda phase, mailbox: None
        self.on_sendgrid: Callable[[str], Answer | None] = lambda mailbox: None
        self.on_segment: Callable[[], Answer | None] = lambda: None
        self._lock = threading.Lock()
        self._read = 0
        self.mail.respond = self._mail_phase
        self.sendgrid.respond = self._sendgrid_call
        self.segment.respond = self._segment_call

    def __enter__(self) -> Outside:
        for server in (self.mail, self.sendgrid, self.segment):
            server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.mail, self.sendgrid, self.segment):
            server.__exit__(None, None, None)

    def post(self) -> list[Letter]:
        """Return all letters so far, of both mail systems."""
        with self._lock:
            received = self.mail.received[self._read :]
            self._read += len(received)
            self.letters += [_letter_of(mail) for mail in received]
            return list(self.letters)

    @contextmanager
    def mail_does(self, act: Callable[[Phase, str], Act | None]) -> Iterator[None]:
        """Have the mail server do something else for a while."""
        self.on_mail = act
        yield
        self.on_mail = lambda phase, mailbox: None

    @contextmanager
    def sendgrid_does(self, act: Callable[[str], Answer | None]) -> Iterator[None]:
        """Have SendGrid answer something else for a while."""
        self.on_sendgrid = act
        yield
        self.on_sendgrid = lambda mailbox: None

    @contextmanager
    def segment_does(self, act: Callable[[], Answer | None]) -> Iterator[None]:
        """Have Segment answer something else for a while."""
        self.on_segment = act
        yield
        self.on_segment = lambda: None

    def _mail_phase(self, phase: Phase, mailbox: str) -> Act | None:
        with self._lock:
            self.at_phase[phase] += 1
        act = self.on_mail(phase, mailbox)
        with self._lock:
            self.at_phase[phase] -= 1
            if phase == "dot":
                self.in_doubt += act is not None and not isinstance(act, Say)
            if isinstance(act, Say) and act.text.startswith("5") and mailbox:
                self.refused.add(mailbox)
        return act

    def _sendgrid_call(self, request: RecordedRequest) -> Answer:
        mail = json.loads(request.body)
        mailbox = mail["personalizations"][0]["to"][0]["email"]
        answer = self.on_sendgrid(mailbox) or TAKEN_BY_SENDGRID
        is_unclear = bool(answer.fault) or (answer.status >= 500 and answer.status != 503)
        with self._lock:
            self.in_doubt += is_unclear
            if answer.status == 400:
                self.refused.add(mailbox)
            if answer.status == 202 or answer.fault:
                self.letters.append(_letter_of_call(mail, mailbox))
        return answer

    def _segment_call(self, request: RecordedRequest) -> Answer:
        batch = json.loads(request.body)["batch"]
        answer = self.on_segment() or Answer()
        if self.poisonous & {event["userId"] for event in batch}:
            return Answer(status=400, body=b'{"success":false}')
        if answer.status == 200:  # also when the answer is lost on its way back
            with self._lock:
                for event in batch:
                    self._hear(event)
        return answer

    def _hear(self, event: dict[str, object]) -> None:
        user_id, traits = str(event["userId"]), event["traits"]
        assert isinstance(traits, dict)
        told = Told(user_id=user_id, rating=traits["NPS_rating"], comment=traits["NPS_comment"])
        self.told[user_id].append(told)


def _letter_of(mail: ReceivedMail) -> Letter:
    message = message_from_bytes(mail.data, policy=default)
    text = message.get_body(("plain",))
    assert text is not None
    return Letter(
        mailbox=mail.recipients[0],
        invitation_id=message["Message-ID"].strip("<>").partition("@")[0],
        link=_first_link(text.get_content()),
        via="smtp",
    )


def _letter_of_call(mail: dict[str, object], mailbox: str) -> Letter:
    content, custom = mail["content"], mail["custom_args"]
    assert isinstance(content, list)
    assert isinstance(custom, dict)
    (invitation_id,) = custom.values()
    return Letter(mailbox=mailbox, invitation_id=invitation_id, link=_first_link(content[0]["value"]), via="sendgrid")


def _first_link(text: str) -> str:
    found = _LINK.search(text)
    assert found is not None
    return found[0]
