"""A mail made ready to send: text, HTML and the complete MIME bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from jinja2 import Environment, PackageLoader, select_autoescape

from benchmarks.measure import Goal, Options, Row, Side, compare
from hub.mail.colours import colours_of
from hub.mail.message import InvitationMail, render
from hub.mail.words import words_for

MAILS = 2_000
SENDER = "Acme <hello@acme.example>"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def measure(options: Options) -> list[Row]:
    """Compare the hub's rendering with the standard library's, templates compiled once, and compiled each time."""
    return compare(
        "mail made",
        unit="mails",
        hub=lambda: _timed(options.sized(MAILS), lambda one: render(one).mime(SENDER)),
        beside=[
            Side(name="EmailMessage", run=lambda: _timed(options.sized(MAILS // 4), with_email_message)),
            Side(
                name="EmailMessage, templates compiled each time",
                run=lambda: _timed(options.sized(MAILS // 20), with_templates_compiled),
                goal=Goal(at_least=20),
            ),
        ],
        rounds=options.rounds,
    )


def with_email_message(one: InvitationMail) -> bytes:
    """Return the mail as most programs make it: templates, compiled once, and the standard library."""
    return _made(one, _compiled)


def with_templates_compiled(one: InvitationMail) -> bytes:
    """Return the mail as a program makes it that compiles its templates for every mail."""
    return _made(one, _environment())


def _environment() -> Environment:
    return Environment(loader=PackageLoader("hub.mail"), autoescape=select_autoescape(["html"]), trim_blocks=True)


_compiled = _environment()


def _made(one: InvitationMail, templates: Environment) -> bytes:
    words = words_for(one.language)
    question = words.question.format(brand=one.brand)
    context = {
        "words": words,
        "brand": one.brand,
        "question": question,
        "greeting": words.greeting.format(name=one.name),
        "sender": words.sender.format(brand=one.brand),
        "why": words.why.format(brand=one.brand),
        "links": [(score, f"{one.survey_url}?score={score}") for score in range(11)],
        "unsubscribe_url": one.unsubscribe_url,
        "colours": colours_of(one.colour),
        "logo_url": one.logo_url,
        "way": {},
    }
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Date"] = SENDER, one.to, question, format_datetime(NOW)
    mail["List-Unsubscribe"] = f"<{one.unsubscribe_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Message-ID"] = f"<{one.id}@{one.message_id_domain}>"
    mail.set_content(templates.get_template("invitation.txt").render(context))
    mail.add_alternative(templates.get_template("invitation.html").render(context), subtype="html")
    return mail.as_bytes()


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


def _timed(mails: int, make: Callable[[InvitationMail], bytes]) -> float:
    started = time.perf_counter()
    for number in range(mails):
        make(invitation(number))
    return mails / (time.perf_counter() - started)
