"""A mail made ready to send: text, HTML and the complete MIME bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from jinja2 import Environment, PackageLoader

from benchmarks.measure import Goal, Options, Row, Side, compare
from hub.mail.message import InvitationMail, render
from hub.plugin import Message

MAILS = 2_000
SENDER = "Acme <hello@acme.example>"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def measure(options: Options) -> list[Row]:
    """Compare the hub's rendering with the standard library's, templates compiled once, and compiled each time."""
    return compare(
        "mail made",
        unit="mails",
        hub=lambda: _timed(options.sized(MAILS), lambda message: message.mime(SENDER)),
        beside=[
            Side(name="EmailMessage", run=lambda: _timed(options.sized(MAILS // 4), with_email_message)),
            Side(
                name="EmailMessage, templates compiled each time",
                run=lambda: _timed(options.sized(MAILS // 20), with_template_compiled),
                goal=Goal(at_least=20),
            ),
        ],
        rounds=options.rounds,
    )


def with_email_message(message: Message) -> bytes:
    """Return the mail as most programs make it."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = SENDER, message.to, message.subject
    mail["Date"] = format_datetime(NOW)
    for name, value in message.headers.items():
        mail[name] = value
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail.as_bytes()


def with_template_compiled(message: Message) -> bytes:
    """Return the mail as a program makes it that compiles its templates for every mail."""
    for name in ("invitation.txt", "invitation.html"):
        Environment(loader=PackageLoader("hub.mail"), autoescape=True).get_template(name)
    return with_email_message(message)


def invitation(number: int) -> InvitationMail:
    """Return what one mail is made of; each is to somebody else."""
    return InvitationMail(
        id=f"{number:032x}",
        to=f"person.{number}@customer.example",
        name=f"Person {number}",
        survey_url=f"https://hub.acme.example/s/{number:032x}",
        unsubscribe_url=f"https://hub.acme.example/u/{number:032x}",
        brand="Acme",
        language="en",
        message_id_domain="bench.survey-hub",
        sent_at=NOW,
    )


def _timed(mails: int, finish: Callable[[Message], bytes]) -> float:
    started = time.perf_counter()
    for number in range(mails):
        finish(render(invitation(number)))
    return mails / (time.perf_counter() - started)
