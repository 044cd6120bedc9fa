"""Mails handed over by SMTP: the channel alone, with mails made beforehand and a commit that costs nothing."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests

from benchmarks.mail import counting_sink
from benchmarks.measure import Goal, Options, Row, Side, compare, figure
from benchmarks.stage import far_away, smtp_source
from hub.plugin import Message, Sent, Services
from hub_email_smtp import SmtpChannel
from hub_email_smtp.settings import SmtpSchema

MAILS = 10_000
SIZE = 12_000
FAR_MAILS = 2_000
FAR_CONNECTIONS = 24
ROUND_TRIP_MS = 60

LINE = b"How likely are you to recommend Acme to a friend or a colleague of yours?\r\n"
HEAD = b"From: Acme <hello@acme.example>\r\nSubject: One question\r\n\r\n"
MAIL = (HEAD + LINE * (SIZE // len(LINE) + 1))[: SIZE - 2] + b"\r\n"
SERVICES = Services(
    http=requests.Session,
    now=lambda: datetime.now(UTC),
    hub_id="bench",
    base_url="https://hub.acme.example",
)


def measure(options: Options) -> list[Row]:
    """Compare the channel with `smtp-source` and `smtplib`, and count its mails to a relay that is far away."""
    mails = options.sized(MAILS)
    with counting_sink() as sink:
        port = sink.port
        with channel(port) as near:
            rows = compare(
                "mails by SMTP, one process",
                unit="mails",
                hub=lambda: _timed(mails, lambda: send(near, mails)),
                beside=[
                    Side(
                        name="smtp-source -s 4",
                        run=lambda: _timed(mails, lambda: smtp_source(port, mails=mails, size=SIZE)),
                        goal=Goal(at_least=0.6),
                    ),
                    Side(
                        name="smtp-source -s 4 -d",
                        run=lambda: _timed(
                            mails, lambda: smtp_source(port, mails=mails, size=SIZE, keeps_connections=True)
                        ),
                    ),
                    Side(name="smtplib", run=lambda: _timed(mails, lambda: send_by_smtplib(port, mails))),
                ],
                rounds=options.rounds,
            )
        with (
            far_away(port, round_trip_ms=ROUND_TRIP_MS) as far_port,
            channel(far_port, connections=FAR_CONNECTIONS) as far,
        ):
            far_mails = options.sized(FAR_MAILS)
            send(far, FAR_CONNECTIONS)
            rates = [_timed(far_mails, lambda: send(far, far_mails)) for _ in range(options.rounds)]
    what = f"mails to a relay {ROUND_TRIP_MS} ms away, {FAR_CONNECTIONS} connections"
    return [*rows, figure(what, rates, "mails/s", Goal(at_least=300))]


@contextmanager
def channel(port: int, **settings: Any) -> Iterator[SmtpChannel]:
    """Yield a channel to a server on this machine, with connections that are never worn out."""
    written = {"host": "127.0.0.1", "port": port, "from": "Acme <hello@acme.example>", **settings}
    made = SmtpChannel("bench", SmtpSchema().load({"messages_per_connection": 10**9, **written}), SERVICES)
    try:
        yield made
    finally:
        made.close()


def send(through: SmtpChannel, mails: int) -> None:
    """Send mails through a channel. Raises ValueError when one was not taken."""
    outcomes = [outcome for _, outcome in through.send_many(_messages(mails), _all_may_go)]
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Sent)]
    if refused:
        raise ValueError(f"{len(refused)} of {mails} mails were not taken, the first: {refused[0]}")


def send_by_smtplib(port: int, mails: int) -> None:
    """Send mails as most programs do that keep their connection."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="bench.example") as client:
        for message in _messages(mails):
            client.sendmail("hello@acme.example", [message.to], message.mime(""))


def _messages(mails: int) -> Iterator[Message]:
    for number in range(mails):
        to = f"person.{number}@customer.example"
        yield Message(id=str(number), to=to, subject="", text="", html="", headers={}, mime=lambda sender: MAIL)


def _all_may_go(batch: Sequence[Message]) -> Collection[str]:
    return [message.id for message in batch]


def _timed(mails: int, work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return mails / (time.perf_counter() - started)
