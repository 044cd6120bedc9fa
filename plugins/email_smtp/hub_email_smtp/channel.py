"""The channel kind `smtp`: one mail to one recipient in one transaction, over connections that are kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from hub.plugin import CheckFailed, Message, Outcome, Services, SurveyChannel

from .delivery import Delivery, PointOfNoReturn
from .phase import Dropped, Refused, Unfit
from .pool import SessionPool
from .sender import Sender
from .session import SmtpSession
from .settings import Relay, SmtpSchema
from .verdict import advise

logger = logging.getLogger(__name__)


class SmtpChannel(SurveyChannel):
    """Sends survey mails through a mail server.

    Thread-safe; connections are kept and reused.
    """

    kind = "smtp"
    config_schema = SmtpSchema

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self._relay = Relay.from_config(config)
        self._sender = Sender.parse(config["sender"])
        self.concurrency = config["connections"]
        self._sessions = SessionPool(self._connect, connections=self.concurrency)

    @property
    def sender_name(self) -> str:
        """Return the name before the address, else the address's domain."""
        return self._sender.name or self._sender.address.rpartition("@")[2]

    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        """Deliver one message, as `send_many` does."""

        def depart(batch: Sequence[Message]) -> Collection[str]:
            point_of_no_return()
            return [message.id]

        [(_, outcome)] = self.send_many(iter([message]), depart)
        return outcome

    def send_many(
        self, messages: Iterator[Message], point_of_no_return: PointOfNoReturn
    ) -> Iterator[tuple[str, Outcome]]:
        """Deliver messages over connections side by side; the point of no return lies before the final dot."""
        delivery = Delivery(
            messages,
            point_of_no_return,
            relay=self._relay,
            sender=self._sender,
            pool=self._sessions,
        )
        yield from delivery.outcomes()

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
        session = SmtpSession(self._relay, tell=self.services.tell)
        logger.debug("channel %s opened a connection to %s:%d", self.name, self._relay.host, self._relay.port)
        return session
