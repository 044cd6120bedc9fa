"""Renders the weekly report for the people who run the surveys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from hub.mail.addresses import wire_address
from hub.mail.gaps import Gapped
from hub.mail.message import templates
from hub.mail.mime import Mail, build
from hub.plugin import Message


@dataclass(frozen=True, kw_only=True)
class SurveyLines:
    """What the week of a survey was like, and the one before, in a sentence each."""

    name: str
    week: str
    before: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a customer wrote; `link` leads to their page."""

    survey: str
    score: int
    comment: str
    link: str


@dataclass(frozen=True, kw_only=True)
class ReportMail:
    """What a report is made of. `to` is a checked address; `id` and `message_id_domain` make the Message-ID."""

    id: str
    to: str
    subject: str
    surveys: Sequence[SurveyLines]
    quotes: Sequence[Quote]
    attention: Sequence[str]
    link: str
    settings_link: str
    message_id_domain: str
    sent_at: datetime


def render_report(report: ReportMail) -> Message:
    """Return the mail with this report."""
    to = wire_address(report.to)
    text = templates.get_template("report.txt").render(report=report)
    html = templates.get_template("report.html").render(report=report)
    headers = {"Message-ID": f"<{report.id}@{report.message_id_domain}>", "Auto-Submitted": "auto-generated"}
    mail = Mail(
        to=to,
        subject=report.subject,
        headers=headers,
        sent_at=report.sent_at,
        text=Gapped.from_text(text),
        in_text={},
        html=Gapped.from_text(html),
        in_html={},
    )
    return Message(
        id=report.id,
        to=to,
        subject=report.subject,
        text=text,
        html=html,
        headers=headers,
        mime=partial(build, mail),
        link=report.link,
    )
