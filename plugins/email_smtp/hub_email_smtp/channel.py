"""The channel kind `smtp`: one mail to one recipient in one transaction, over connections that are kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from hub.plugin import (
    CheckFailed,
    Message,
    Outcome,
    Rejected,
    Sent,
    Services,
    SurveyChannel,
)

from .phase import SERVICE_CLOSING, Dropped, Phase, Refused, Unfit
from .pool import SessionPool
from .sender import Sender
from .session import SmtpSession
from .settings import Relay, SmtpSchema
from .verdict import advise, judge

logger = logging.getLogger(__name__)

_RECIPIENT = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>\x00-\x1f\x7f@]+")


class SmtpChannel(SurveyChannel):
    """Sends survey mails through a mail server. Thread-safe; connections are kept and reused."""

    kind = "smtp"
    config_schema = SmtpSchema

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self._relay = Relay.from_config(config)
        self._sender = Sender.parse(config["sender"])
        self._sessions = SessionPool(self._connect, messages_per_connection=config["messages_per_connection"])

    @property
    def sender_name(self) -> str:
        """Return the name before the address, else the address's domain."""
        return self._sender.name or self._sender.address.rpartition("@")[2]

    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        """Deliver one message; the point of no return lies before the final dot."""
        if not _RECIPIENT.fullmatch(message.to):
            return Rejected(why="The address contains characters that SMTP cannot carry.")
        mail = message.mime(self._sender.header)
        try:
            return self._transmit(message.to, mail, point_of_no_return)
        except (Refused, Dropped, Unfit) as failure:
            return judge(failure)

    def check(self) -> None:
        """Connect, greet, encrypt and log in as for a mail, then leave."""
        try:
            session = self._connect()
            try:
                session.noop()
            finally:
                session.quit()
        except (Refused, Dropped, Unfit) as failure:
            raise CheckFailed(f"{self._relay.host}:{self._relay.port}: {advise(failure)}") from failure

    def close(self) -> None:
        """Say goodbye on all connections."""
        self._sessions.close()

    def _connect(self) -> SmtpSession:
        session = SmtpSession(self._relay)
        logger.debug("channel %s opened a connection to %s:%d", self.name, self._relay.host, self._relay.port)
        return session

    def _transmit(self, recipient: str, mail: bytes, point_of_no_return: Callable[[], None]) -> Outcome:
        with self._sessions.lend() as session:
            was_idle = session.is_used
            try:
                return self._hand_over(session, recipient, mail, point_of_no_return)
            except (Refused, Dropped) as failure:
                if not (was_idle and _found_closed(failure)):
                    raise
        # The server had hung up while nothing was going on, and nothing of this mail left: once more.
        with self._sessions.lend_fresh() as session:
            return self._hand_over(session, recipient, mail, point_of_no_return)

    def _hand_over(
        self, session: SmtpSession, recipient: str, mail: bytes, point_of_no_return: Callable[[], None]
    ) -> Sent | Rejected:
        if not recipient.isascii() and not session.offers("smtputf8"):
            return Rejected(why="The address is not ASCII, and the mail server does not offer SMTPUTF8.")
        accepted = session.send(
            sender=self._sender.address, recipient=recipient, mail=mail, point_of_no_return=point_of_no_return
        )
        return Sent(detail=accepted)


def _found_closed(failure: Refused | Dropped) -> bool:
    if failure.phase is not Phase.MAIL:
        return False
    return isinstance(failure, Dropped) or failure.code == SERVICE_CLOSING
