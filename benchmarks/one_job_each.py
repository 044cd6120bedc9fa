"""The naive way: a job of RQ sends one survey."""

from __future__ import annotations

import smtplib
from itertools import count

from benchmarks.render import SENDER, invitation
from hub.mail.message import render

_numbers = count()


def send(port: int, number: int) -> None:
    """Send one mail, made in the hub's own fast way, over a connection of its own: RQ forks for every job."""
    message = render(invitation(number))
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("hello@acme.example", [message.to], message.mime(SENDER))
