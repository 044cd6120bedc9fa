"""What people do with a survey mail, over HTTP as their browsers and mail programs do it."""

from __future__ import annotations

import requests

from hub.demo.mailbox import Mail
from hub.demo.patience import Unexpected

_TIMEOUT_S = 10


def open_survey(mail: Mail, *, score: int) -> None:
    """Follow the link of a score, as a person or a program that scans mail does."""
    _expect(requests.get(mail.survey_url, params={"score": score}, timeout=_TIMEOUT_S), "The survey page")


def open_unsubscribe_page(mail: Mail) -> None:
    """Follow the link that unsubscribes, without pressing the button there."""
    _expect(requests.get(mail.unsubscribe_url, timeout=_TIMEOUT_S), "The unsubscribe page")


def answer(mail: Mail, *, score: int, comment: str) -> None:
    """Send the survey page's form. Raises Unexpected when the hub does not thank for it."""
    form = {"score": str(score), "comment": comment}
    thanks = requests.post(mail.survey_url, data=form, timeout=_TIMEOUT_S)
    _expect(thanks, "Sending an answer")
    if "thanks" not in thanks.url:
        raise Unexpected(f"After an answer the hub showed {thanks.url}, not its thanks.")


def unsubscribe_with_one_click(mail: Mail) -> None:
    """Do what a mail program's unsubscribe button does (RFC 8058)."""
    if str(mail.message["List-Unsubscribe-Post"]) != "List-Unsubscribe=One-Click":
        raise Unexpected("The mail does not offer to unsubscribe with one click (List-Unsubscribe-Post).")
    form = {"List-Unsubscribe": "One-Click"}
    _expect(requests.post(mail.unsubscribe_url, data=form, timeout=_TIMEOUT_S), "Unsubscribing")


def _expect(answer: requests.Response, what: str) -> None:
    if not answer.ok:
        raise Unexpected(f"{what} was answered with {answer.status_code}.")
