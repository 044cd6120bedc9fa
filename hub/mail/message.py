"""Renders an invitation into the message that channels hand over."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from hub.domain.texts import PLAIN, SurveyTexts, direction_of, direction_within
from hub.mail.addresses import check_address, wire_address
from hub.mail.clean import one_line
from hub.mail.colours import colours_of
from hub.mail.gaps import GREETING, SURVEY_URL, UNSUBSCRIBE_URL, Gapped, gap
from hub.mail.mime import Mail, build
from hub.mail.own_texts import SHIPPED, filled, own_wordings, words_language
from hub.mail.wording import LONGEST_NAME, Values, Wording, shown
from hub.mail.words import MailWords, words_for
from hub.plugin import Message

_LONGEST_BRAND = 60
_LONGEST_SUBJECT = 150

templates = Environment(
    loader=PackageLoader("hub.mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def no_trait(name: str) -> Any:
    """Return what is known of somebody of whom nothing is known."""
    return None


@dataclass(frozen=True, kw_only=True)
class InvitationMail:
    """What a survey mail is made of.

    `survey_url` opens the survey page (the score is appended as `?score=`); `unsubscribe_url` takes one-click
    unsubscriptions (RFC 8058, which wants https). `id` and `message_id_domain` make the Message-ID: both are
    ASCII without spaces. `sent_at` is aware. `texts` are the survey's own, `language` is the one that is
    wanted, `trait` gives a trait of the customer or None. `colour` is the brand's `#rrggbb`, `logo_url` an image that
    stands in place of the brand's name; None for neither.
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
    texts: SurveyTexts = PLAIN
    trait: Callable[[str], Any] = no_trait
    is_reminder: bool = False


def render(invitation: InvitationMail) -> Message:
    """Return the mail for this invitation; the same invitation always gives the same bytes.

    Raises ValueError when `to` is no address that `check_address` passes, or `colour` no colour.
    """
    address = check_address(invitation.to)
    if address is None:
        raise ValueError(f"invitation {invitation.id} has no address that can be mailed")
    to = wire_address(address)
    form = _form(invitation.texts, invitation.language, invitation.brand, invitation.colour, invitation.logo_url)
    words = form.words
    name = shown(invitation.name or "", limit=LONGEST_NAME)
    links = {SURVEY_URL: invitation.survey_url, UNSUBSCRIBE_URL: invitation.unsubscribe_url}
    subject = form.subject
    if form.own:
        values = Values(name=name, brand=form.brand, trait=invitation.trait)
        own = form.filled(values)
        in_text = {GREETING: _wrapped(own["greeting"]), **links}
        in_html = {GREETING: str(escape(own["greeting"])), **{g: str(escape(link)) for g, link in links.items()}}
        in_text |= {at: _wrapped(own[text]) for text, at in form.gaps.items()}
        in_html |= {at: _with_breaks(own[text]) for text, at in form.gaps.items()}
        subject = one_line(own["subject"], limit=_LONGEST_SUBJECT)
    else:
        in_text = {GREETING: _greeting(name, words), **links}
        in_html = {at: str(escape(value)) for at, value in in_text.items()}
    if invitation.is_reminder:
        subject = one_line(words.reminder.format(subject=subject), limit=_LONGEST_SUBJECT)
    headers = {
        "List-Unsubscribe": f"<{invitation.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": f"<{invitation.id}@{invitation.message_id_domain}>",
        "Auto-Submitted": "auto-generated",
    }
    mail = Mail(
        to=to,
        subject=subject,
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
        subject=subject,
        text=form.text.filled(in_text),
        html=form.html.filled(in_html),
        headers=headers,
        mime=partial(build, mail),
        link=invitation.survey_url,
        unsubscribe_link=invitation.unsubscribe_url,
    )


_TEXTS = ("subject", "question", "intro", "lowest", "highest", "closing")
_GREETINGS = ("greeting", "neutral_greeting")
_WORDS = {"intro": ("request", "request_in_text"), "lowest": ("lowest",), "highest": ("highest",)}
"""Which of the hub's words a text stands for, where that is not the one of its name."""


@dataclass(frozen=True, kw_only=True)
class _Form:
    """A mail of one survey in one language, but for what differs between customers.

    `own` are the survey's own texts, if any of them does differ, and `gaps` are where those stand.
    """

    words: MailWords
    brand: str
    subject: str
    text: Gapped
    html: Gapped
    own: Mapping[str, Wording]
    gaps: Mapping[str, str]

    def filled(self, values: Values) -> dict[str, str]:
        """Return what differs between customers for one of them, and the subject."""
        own = {name: filled(name, self.own[name], values) for name in self.gaps}
        greeting = self.own.get("greeting" if values.name else "neutral_greeting")
        own["greeting"] = filled("greeting", greeting, values) if greeting else _greeting(values.name, self.words)
        own["subject"] = own.get("subject") or self.subject
        if "question" in own:
            own["question"] = own["question"] or self.words.question.format(brand=self.brand)
        return own


@lru_cache(maxsize=256)
def _form(texts: SurveyTexts, language: str, of_brand: str, colour: str | None, logo_url: str | None) -> _Form:
    language = texts.language_for(language, SHIPPED)
    spoken = words_for(words_language(texts, language))
    words = replace(spoken, language=language, direction=direction_of(language))
    brand = one_line(of_brand, limit=_LONGEST_BRAND)
    own = own_wordings(texts, language, (*_TEXTS, *_GREETINGS))
    values = Values(name="", brand=brand, trait=no_trait)
    gaps = {name: gap(number) for number, name in enumerate(_TEXTS) if name in own and own[name].is_personal}
    fixed = {name: gaps.get(name) or filled(name, own[name], values) for name in _TEXTS if name in own}
    question = fixed.get("question") or words.question.format(brand=brand)
    subject = one_line(words.subject.format(brand=brand), limit=_LONGEST_SUBJECT)
    if "subject" not in gaps and fixed.get("subject"):
        subject = one_line(fixed["subject"], limit=_LONGEST_SUBJECT)
    context = _context(words, brand, question) | {"colours": colours_of(colour), "logo_url": logo_url}
    in_text = context | {"words": _with_own(words, fixed)}
    in_html = context | {
        "words": _with_own(words, {name: Markup(_with_breaks(text)) for name, text in fixed.items()}),  # noqa: S704  escaped there
        "way": _ways(spoken, language, own, {"question": question, **fixed}),
    }
    return _Form(
        words=words,
        brand=brand,
        subject=subject,
        text=Gapped.from_text(templates.get_template("invitation.txt").render(in_text)),
        html=Gapped.from_text(templates.get_template("invitation.html").render(in_html)),
        own=own if gaps or any(name in own for name in _GREETINGS) else {},
        gaps=gaps,
    )


def _with_own(words: MailWords, own: Mapping[str, str]) -> MailWords:
    """Return the words with a survey's own texts in place of those of the hub that templates show as they are."""
    stands_for = {name: _WORDS.get(name, (name,)) for name in own if name not in ("subject", "question")}
    shown: dict[str, Any] = {word: own[name] for name, several in stands_for.items() for word in several}
    return replace(words, **shown)


def _ways(spoken: MailWords, language: str, own: Collection[str], said: Mapping[str, str]) -> dict[str, str]:
    """Return an attribute for each part of the HTML that is not written in the direction of the mail's language.

    `spoken` are the hub's words, of another language perhaps; `own` are the texts of the survey's own, `said` what is
    shown of them.
    """
    shown = {name: said.get(name) or getattr(spoken, word) for name, (word, *_) in _WORDS.items()}
    shown["question"] = said["question"]
    ways = {name: direction_within(text, language) for name, text in shown.items()}
    ways["greeting"] = direction_of(language) if any(name in own for name in _GREETINGS) else spoken.direction
    ways["foot"] = spoken.direction
    return {
        name: "" if way == direction_of(language) else Markup(' dir="{}"').format(way) for name, way in ways.items()
    }


def _context(words: MailWords, brand: str, question: str) -> dict[str, Any]:
    return {
        "brand": brand,
        "question": question,
        "greeting": GREETING,
        "sender": words.sender.format(brand=brand),
        "why": words.why.format(brand=brand),
        "links": [(score, f"{SURVEY_URL}?score={score}") for score in range(11)],
        "unsubscribe_url": UNSUBSCRIBE_URL,
    }


def _greeting(name: str, words: MailWords) -> str:
    return words.greeting.format(name=name) if name else words.neutral_greeting


def _with_breaks(text: str) -> str:
    """Return a text as HTML, its line breaks included."""
    return str(escape(text)).replace("\n", "<br>\n")


def _wrapped(text: str) -> str:
    """Return a text as a letter has it, in lines of at most 72 characters."""
    return "\n".join(
        textwrap.fill(line, 72, break_long_words=False, break_on_hyphens=False) for line in text.split("\n")
    )
