"""What SendGrid's answer means for the message, or for the whole channel.

| answer | outcome |
|---|---|
| 202 (200 in sandbox mode) | sent |
| 400 in SendGrid's words, 413 | rejected; about `from`: not sent, channel paused |
| 401, 403 | not sent, channel paused |
| 429, 503 | not sent, channel paused for as long as SendGrid says |
| other 4xx, redirects | not sent, channel paused: this is not SendGrid |
| other 5xx, anything else | unknown |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from hub.plugin import NotSent, Outcome, Rejected, Sent, Unknown

from .answer import Answer
from .words import without_addresses

LONGEST_WAIT_S = 3600.0

_MOVED = (301, 302, 307, 308)
_ADVICE = {
    400: "Check `from`.",
    401: "Check `api_key`, and that the account may still send.",
    403: "Check that the key has the scope mail.send, and that the address in `from` is a verified sender.",
    429: "It asks to slow down.",
    503: "It is not available now.",
}


def judge(answer: Answer, *, host: str, recipient: str, now: datetime, sandbox: bool) -> Outcome:
    """Return the outcome that an answer to Mail Send means, all of the request having been written."""
    status = answer.status
    said = _Words.of(answer, recipient)
    if status == 202:
        return Sent(provider_id=answer.headers.get("X-Message-Id") or None)
    if sandbox and status == 200:
        return Sent(detail="checked in sandbox mode, delivered to nobody")
    if status == 413 or (status == 400 and said.text and not said.about_sender):
        return Rejected(why=f"SendGrid refused the mail ({status}). {said.text}".strip())
    if status in (401, 403, 429, 503) or (status == 400 and said.about_sender):
        return NotSent(why=_trouble(status, said), pause=True, retry_after_s=wait_s(answer.headers, now))
    if status in _MOVED or 400 <= status < 500:
        return NotSent(why=_not_sendgrid(status, host), pause=True, channel_fault=True)
    return Unknown(why=f"{host} answered {status}. {said.text}".strip())


def fault_of_key(answer: Answer, *, host: str) -> str | None:
    """Return what an answer to the question for the key's scopes says against it, None if it may send mail."""
    if answer.status in _ADVICE and answer.status != 400:
        return _trouble(answer.status, _Words.of(answer))
    document = answer.json()
    scopes = document.get("scopes") if isinstance(document, dict) else None
    if answer.status != 200 or not isinstance(scopes, list):
        return _not_sendgrid(answer.status, host)
    if "mail.send" not in scopes:
        return "The API key may not send mail: give it the scope mail.send (Settings > API Keys at SendGrid)."
    return None


def unreachable(error: requests.RequestException, host: str) -> str:
    """Return which step towards SendGrid failed, and what to look at. Nothing of a mail had left."""
    step, advice = next(words for kind, words in _STEPS if isinstance(error, kind))
    return f"{host} could not be reached: {step} ({type(error).__name__}). {advice}"


_STEPS: tuple[tuple[type[requests.RequestException], tuple[str, str]], ...] = (
    (requests.exceptions.ProxyError, ("the proxy failed", "Check HTTPS_PROXY and the proxy.")),
    (requests.exceptions.SSLError, ("TLS failed", "Check `host`, this machine's clock and its certificates.")),
    (requests.exceptions.Timeout, ("no answer in time", "Check `host` and the firewall.")),
    (requests.exceptions.RequestException, ("no connection", "Check `host`, name resolution and the network.")),
)


def wait_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that SendGrid asks to wait, an hour at most; None if it names none."""
    asked = _seconds(headers.get("Retry-After", "").strip(), now)
    if asked is None:
        asked = _seconds_until(headers.get("X-RateLimit-Reset", "").strip(), now)
    return None if asked is None else min(max(asked, 0.0), LONGEST_WAIT_S)


def _seconds(retry_after: str, now: datetime) -> float | None:
    if _is_number(retry_after):
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError, IndexError):
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def _seconds_until(epoch: str, now: datetime) -> float | None:
    return float(epoch) - now.timestamp() if _is_number(epoch) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


@dataclass(frozen=True, kw_only=True)
class _Words:
    """SendGrid's error messages, and whether they are about the field `from`."""

    text: str
    about_sender: bool

    @classmethod
    def of(cls, answer: Answer, recipient: str = "") -> _Words:
        document = answer.json()
        errors = document.get("errors") if isinstance(document, dict) else None
        found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
        messages = [message for error in found if isinstance(message := error.get("message"), str)]
        fields = [str(error.get("field") or "").split(".")[0] for error in found]
        text = without_addresses(" ".join(messages), recipient=recipient).rstrip(".")
        return cls(text=f"{text}." if text else "", about_sender="from" in fields)


def _trouble(status: int, said: _Words) -> str:
    return " ".join(filter(None, [f"SendGrid answered {status}.", said.text, _ADVICE[status]]))


def _not_sendgrid(status: int, host: str) -> str:
    return f"{host} answered {status}, which is not how SendGrid answers. Check `host`."
