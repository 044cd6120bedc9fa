"""What a mail program, a browser and a terminal make of what the hub writes."""

from __future__ import annotations

import email
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import cast

from hub.plugin import Message

SENDER = "Acme <hello@acme.example>"


class Outline(HTMLParser):
    """The elements of a page with the names of their attributes, the links and the texts in it."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, list[str]]] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, sorted(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """Everything that is shown."""
        return "".join(self.texts)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail as a mail program reads it: how often each header is there, and both parts."""

    headers: list[str]
    to: list[str]
    senders: list[str]
    subject: str
    text: str
    html: str
    defects: list[object] = field(default_factory=list)


def read_mail(message: Message, sender: str = SENDER) -> Mail:
    """Return a message as the standard library's parser reads its bytes."""
    raw = message.mime(sender)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    parsed = cast("EmailMessage", email.message_from_bytes(raw, policy=default))
    text, html = parsed.get_body(["plain"]), parsed.get_body(["html"])
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    return Mail(
        headers=sorted(parsed.keys()),
        to=[address.addr_spec.encode(errors="surrogateescape").decode() for address in parsed["To"].addresses],
        senders=[address.addr_spec for address in parsed["From"].addresses],
        subject=parsed["Subject"],
        text=text.get_content().replace("\r\n", "\n"),
        html=html.get_content().replace("\r\n", "\n"),
        defects=[defect for part in parsed.walk() for defect in part.defects],
    )


def is_calm(printed: str) -> bool:
    """Tell whether a terminal only shows it: nothing moves the cursor, turns the direction or ends a line but \\n."""
    return all(c in "\n\t" or c.isprintable() or c in "\u200b\u200c\u200d\ufeff\ufffe\uffff\U0010ffff" for c in printed)
