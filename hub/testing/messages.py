"""Survey mails to try a channel with."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from hub.plugin import Message

SUBJECT = "How likely are you to recommend Acme?"
HEADERS = {
    "List-Unsubscribe": "<https://survey.acme.example/u/opaque>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "Auto-Submitted": "auto-generated",
}


def sample_message(*, id: str = "inv-1", to: str | None = None) -> Message:
    """Return a survey invitation like the hub's own; without `to` it goes to `<id>@customers.example`."""
    to = to or f"{id}@customers.example"
    text = f"Hello,\n\non a scale from 0 to 10?\n.5 is no score.\n\nhttps://survey.acme.example/s/{id}\n"
    html = f'<p>0 to 10?</p>\n<a href="https://survey.acme.example/s/{id}?score=10">10 – sure</a>\n'
    headers = {"Message-ID": f"<{id}@survey.acme.example>", **HEADERS}

    def mime(sender: str) -> bytes:
        mail = EmailMessage(policy=SMTP.clone(cte_type="7bit", utf8=not to.isascii()))
        mail["From"], mail["To"], mail["Subject"] = sender, to, SUBJECT
        for name, value in headers.items():
            mail[name] = value
        mail.set_content(text)
        mail.add_alternative(html, subtype="html")
        return mail.as_bytes()

    return Message(
        id=id,
        to=to,
        subject=SUBJECT,
        text=text,
        html=html,
        headers=headers,
        mime=mime,
        link=f"https://survey.acme.example/s/{id}",
        unsubscribe_link="https://survey.acme.example/u/opaque",
    )
