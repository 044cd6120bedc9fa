"""Renders an invitation into the message that channels hand over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import escape

from hub.mail.addresses import check_address, wire_address
from hub.mail.clean import looks_like_a_link, one_line
from hub.mail.colours import colours_of
from hub.mail.gaps import GREETING, SURVEY_URL, UNSUBSCRIBE_URL, Gapped
from hub.mail.mime import Mail, build
from hub.mail.words import MailWords, words_for
from hub.plugin import Message

_LONGEST_NAME = 80
_LONGEST_BRAND = 60
_LONGEST_SUBJECT = 150

_templates = Environment(
    loader=PackageLoader("hub.mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, kw_only=True)
class InvitationMail:
    """What a survey mail is made of.

    `survey_url` opens the survey page (the score is appended as `?score=`); `unsubscribe_url` takes one-click
    unsubscriptions (RFC 8058, which wants https). `id` and `message_id_domain` make the Message-ID: both are
    ASCII without spaces. `sent_at` is aware. `colour` is the brand's `#rrggbb`, `logo_url` an image that stands in
    place of the brand's name; None for neither.
    """

    id: str
    to: str
    name: str | None
    survey_url: str
    unsubscribe_url: str
    brand: str
    language: str
    message_id_domain: str
    sent_at: datetime
    colour: str | None = None
    logo_url: str | None = None
    is_reminder: bool = False


def render(invitation: InvitationMail) -> Message:
    """Return the mail for this invitation; the same invitation always gives the same bytes.

    Raises ValueError when `to` is no address that `check_address` passes, or `colour` no colour.
    """
    address = check_address(invitation.to)
    if address is None:
        raise ValueError(f"invitation {invitation.id} has no address that can be mailed")
    to = wire_address(address)
    form = _form(
        invitation.language,
        invitation.brand,
        invitation.colour,
        invitation.logo_url,
        is_reminder=invitation.is_reminder,
    )
    in_text = {
        GREETING: _greeting(invitation.name, form.words),
        SURVEY_URL: invitation.survey_url,
        UNSUBSCRIBE_URL: invitation.unsubscribe_url,
    }
    in_html = {gap: str(escape(value)) for gap, value in in_text.items()}
    headers = {
        "List-Unsubscribe": f"<{invitation.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": f"<{invitation.id}@{invitation.message_id_domain}>",
        "Auto-Submitted": "auto-generated",
    }
    mail = Mail(
        to=to,
        subject=form.subject,
        headers=headers,
        sent_at=invitation.sent_at,
        text=form.text,
        in_text=in_text,
        html=form.html,
        in_html=in_html,
    )
    return Message(
        id=invitation.id,
        to=to,
        subject=form.subject,
        text=form.text.filled(in_text),
        html=form.html.filled(in_html),
        headers=headers,
        mime=partial(build, mail),
        link=invitation.survey_url,
        unsubscribe_link=invitation.unsubscribe_url,
    )


@dataclass(frozen=True, kw_only=True)
class _Form:
    """A mail of one brand in one language, but for what differs between customers."""

    words: MailWords
    subject: str
    text: Gapped
    html: Gapped


@lru_cache(maxsize=256)
def _form(language: str, of_brand: str, colour: str | None, logo_url: str | None, *, is_reminder: bool) -> _Form:
    words = words_for(language)
    brand = one_line(of_brand, limit=_LONGEST_BRAND)
    context = _context(words, brand) | {"colours": colours_of(colour), "logo_url": logo_url}
    subject = words.subject.format(brand=brand)
    return _Form(
        words=words,
        subject=one_line(words.reminder.format(subject=subject) if is_reminder else subject, limit=_LONGEST_SUBJECT),
        text=Gapped.from_text(_templates.get_template("invitation.txt").render(context)),
        html=Gapped.from_text(_templates.get_template("invitation.html").render(context)),
    )


def _context(words: MailWords, brand: str) -> dict[str, Any]:
    return {
        "words": words,
        "brand": brand,
        "question": words.question.format(brand=brand),
        "greeting": GREETING,
        "sender": words.sender.format(brand=brand),
        "why": words.why.format(brand=brand),
        "links": [(score, f"{SURVEY_URL}?score={score}") for score in range(11)],
        "unsubscribe_url": UNSUBSCRIBE_URL,
    }


def _greeting(name: str | None, words: MailWords) -> str:
    shown = one_line(name or "", limit=_LONGEST_NAME)
    if not shown or looks_like_a_link(shown):
        return words.neutral_greeting
    return words.greeting.format(name=shown)
