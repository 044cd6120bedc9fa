"""The outside world, and the only witness: a mail server, a SendGrid and a Segment that remember what they took.

Each does what is usual until a fault tells it otherwise. What they remember is what the verdict goes by, not what
the hub's own tables say. Where an answer is lost on its way, a coin decides whether what was asked for was done.
"""

from __future__ import annotations

import json
import re
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default

from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub.testing.smtp_server import Act, Drop, Hang, Phase, ReceivedMail, Say, ScriptedSmtpServer

HELD_FOR_S = 6.0
MOST_IN_A_BATCH = 10
"""Of a Segment that finds calls too large."""
TAKEN_BY_SENDGRID = Answer(status=202, body=b"")
_LINK = re.compile(r"https?://\S+/s/[\w.~-]+")
_MESSAGE_ID = re.compile(rb"^Message-ID: <([^@>]+)@", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A survey mail that a mail system holds: it is in somebody's mailbox, whatever the hub believes."""

    mailbox: str
    invitation_id: str
    link: str
    via: str
    seen_at: float
    """When somebody first looked, by the monotonic clock."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer as Segment knows it."""

    user_id: str
    rating: int
    comment: str


class Outside:
    """Everything the hub talks to; use it as a context manager.

    One mailbox in ten is greylisted the first time, and one userId in forty makes Segment refuse a whole batch.
    """

    def __init__(self) -> None:
        self.mail = ScriptedSmtpServer()
        self.sendgrid = RecordingServer()
        self.segment = RecordingServer()
        self.told: dict[str, list[Told]] = defaultdict(list)
        """What Segment took, in order, by userId."""
        self.refused: set[str] = set()
        """Mailboxes that a mail system refused for good."""
        self.parked: set[str] = set()
        """userIds whose identify Segment refused when it stood alone."""
        self.handed_over: set[str] = set()
        """The mails of which a mail system saw the text, whatever became of them, by invitation."""
        self.unanswered = 0
        """Mails that were handed over, and the hub was not told what became of them."""
        self.strikes: Counter[str] = Counter()
        """How often each of the three did what a fault told it."""
        self._post: list[Letter] = []
        self._read = 0
        self.greylists = True
        self._greylisted: set[str] = set()
        self._faults: dict[str, Callable[..., Act | Answer | None]] = {}
        self._hold: str | None = None
        self._held = 0
        self._last_mail_at = 0.0
        self._lock = threading.Lock()
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
            self._post += [_letter_of(mail) for mail in received]
            return list(self._post)

    def has_mail_under_way(self) -> bool:
        """Return whether a mail system was talked to within the last second."""
        return time.monotonic() - self._last_mail_at < 1

    @contextmanager
    def doing(self, who: str, act: Callable[..., Act | Answer | None]) -> Iterator[None]:
        """Have "mail" (called with phase and mailbox), "sendgrid" or "segment" do something else for a while."""
        self._faults[who] = act
        yield
        del self._faults[who]

    @contextmanager
    def holding(self, where: str) -> Iterator[Callable[[], int]]:
        """Let no mail get past a phase of SMTP for a while; yield what tells how many are held there."""
        self._hold, self._held = where, 0
        yield lambda: self._held
        self._hold = None

    def _mail_phase(self, phase: Phase, mailbox: str) -> Act | None:
        mailbox = mailbox.casefold()
        self._last_mail_at = time.monotonic()
        self._wait_while_held(phase)
        act = self._strike("mail", phase, mailbox)
        assert not isinstance(act, Answer)
        with self._lock:
            is_new = self.greylists and _is_chosen(mailbox, 10) and mailbox not in self._greylisted
            if phase == "rcpt" and act is None and is_new:
                self._greylisted.add(mailbox)
                return Say(text="450 4.2.0 Greylisted, come again")
            if phase in ("head", "dot") and isinstance(act, Drop | Hang):
                self.unanswered += 1
            if phase in ("rcpt", "dot") and isinstance(act, Say) and act.text.startswith("5"):
                self.refused.add(mailbox)
        return act

    def _wait_while_held(self, where: str) -> None:
        if self._hold != where:
            return
        self._held += 1
        give_up_at = time.monotonic() + HELD_FOR_S
        while self._hold == where and time.monotonic() < give_up_at:
            time.sleep(0.005)

    def _strike(self, who: str, *what: str) -> Act | Answer | None:
        fault = self._faults.get(who)
        act = fault(*what) if fault else None
        if act is not None:
            self.strikes[who] += 1
        return act

    def texts_seen(self) -> set[str]:
        """Return the invitations of which a mail system saw the text of the mail."""
        texts = [mail.data for mail in self.mail.received] + self.mail.unfinished + self.mail.turned_away
        found = {match[1].decode() for text in texts if (match := _MESSAGE_ID.search(text))}
        return found | self.handed_over

    def texts_cut_off(self) -> int:
        """Return how many mails were cut off so early that nobody can tell whose they were."""
        return self.sendgrid.cut_off + sum(not _MESSAGE_ID.search(text) for text in self.mail.unfinished)

    def _sendgrid_call(self, request: RecordedRequest) -> Answer:
        mail = json.loads(request.body)
        mailbox = mail["personalizations"][0]["to"][0]["email"].casefold()
        (invitation_id,) = mail["custom_args"].values()
        answer = self._strike("sendgrid") or TAKEN_BY_SENDGRID
        assert isinstance(answer, Answer)
        is_unclear = bool(answer.fault) or answer.status == 500
        with self._lock:
            self._last_mail_at = time.monotonic()
            self.handed_over.add(invitation_id)
            if is_unclear:
                self.unanswered += 1
            if answer.status == 400:
                self.refused.add(mailbox)
            if answer.status == 202 or (is_unclear and _is_chosen(invitation_id, 2)):
                self._post.append(_letter_of_call(mail, mailbox, invitation_id))
        return answer

    def _segment_call(self, request: RecordedRequest) -> Answer:
        batch = json.loads(request.body)["batch"]
        answer = self._strike("segment") or Answer()
        assert isinstance(answer, Answer)
        if answer.status == 413 and len(batch) <= MOST_IN_A_BATCH:
            answer = Answer()
        if answer.status == 200 and any(_is_chosen(event["userId"], 40) for event in batch):
            with self._lock:
                self.parked |= {event["userId"] for event in batch if len(batch) == 1}
            return Answer(status=400, body=b'{"success":false}')
        is_taken = answer.status == 200 and not (answer.fault and _is_chosen(batch[0]["messageId"], 2))
        with self._lock:
            for event in batch if is_taken else ():
                self._hear(event["userId"], event["traits"])
        return answer

    def _hear(self, user_id: str, traits: dict[str, object]) -> None:
        rating, comment = traits["NPS_rating"], traits["NPS_comment"]
        assert isinstance(rating, int)
        self.told[user_id].append(Told(user_id=user_id, rating=rating, comment=str(comment)))


def _is_chosen(name: str, one_in: int) -> bool:
    """Toss a coin that always falls the same way for a name."""
    return zlib.crc32(name.encode()) % one_in == 0


def _letter_of(mail: ReceivedMail) -> Letter:
    message = message_from_bytes(mail.data, policy=default)
    text = message.get_body(("plain",))
    assert text is not None
    return Letter(
        mailbox=mail.recipients[0].casefold(),
        invitation_id=message["Message-ID"].strip("<>").partition("@")[0],
        link=_first_link(text.get_content()),
        via="smtp",
        seen_at=time.monotonic(),
    )


def _letter_of_call(mail: dict[str, list[dict[str, str]]], mailbox: str, invitation_id: str) -> Letter:
    link = _first_link(mail["content"][0]["value"])
    seen_at = time.monotonic()
    return Letter(mailbox=mailbox, invitation_id=invitation_id, link=link, via="sendgrid", seen_at=seen_at)


def _first_link(text: str) -> str:
    found = _LINK.search(text)
    assert found is not None
    return found[0]
