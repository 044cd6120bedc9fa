"""The channel kind `sendgrid`: one mail to one recipient in one call, and the events that come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import requests

from hub.plugin import (
    Abandoned,
    ChannelPaused,
    CheckFailed,
    DeliveryReport,
    InboundRequest,
    Message,
    NotSent,
    Outcome,
    Reply,
    Services,
    SurveyChannel,
    Unknown,
)

from .answer import Answer, read_answer
from .departure import Departure
from .mail import request_body
from .sender import Sender
from .settings import SendGridSchema, host_of
from .verdict import fault_of_key, judge, unreachable
from .webhook import is_genuine, read_public_key, read_reports

RETRY_AFTER_S = 60.0


class SendGridChannel(SurveyChannel):
    """Sends survey mails through SendGrid.

    Thread-safe; connections are the threads' own.
    """

    kind = "sendgrid"
    config_schema = SendGridSchema
    timeout_s: ClassVar[tuple[float, float]] = (5.0, 30.0)
    """To connect and to write, and between bytes of the answer."""

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self.concurrency = config["connections"]
        self._host = host_of(config)
        self._sender = Sender.parse(config["sender"])
        written = config["webhook_public_key"]
        self._public_key = read_public_key(written) if written else None

    @property
    def sender_name(self) -> str:
        """Return the name before the address, else the address's domain."""
        return self._sender.name or self._sender.address.rpartition("@")[2]

    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        """Hand over one message; the point of no return lies between the request's head and its body."""
        sandbox = self.config["sandbox_mode"]
        body = Departure(request_body(message, self._sender, sandbox=sandbox), point_of_no_return)
        try:
            answer = self._call("POST", "/v3/mail/send", body)
        except Abandoned:
            if body.fault is not None:
                raise body.fault from None
            raise
        except requests.RequestException as error:
            if body.departed:
                why = f"{self._host} took the mail, or part of it, and gave no answer ({type(error).__name__})."
                return Unknown(why=why)
            raise ChannelPaused(unreachable(error, self._host), retry_after_s=RETRY_AFTER_S) from error
        if not body.departed:
            why = f"{self._host} answered {answer.status} before the mail was handed over."
            return NotSent(why=why, channel_fault=True)
        return judge(answer, host=self._host, recipient=message.to, now=self.services.now(), sandbox=sandbox)

    def check(self) -> None:
        """Ask SendGrid what the API key may do: it has to know the key, and let it send mail."""
        try:
            answer = self._call("GET", "/v3/scopes")
        except requests.RequestException as error:
            raise CheckFailed(unreachable(error, self._host)) from error
        fault = fault_of_key(answer, host=self._host)
        if fault:
            raise CheckFailed(fault)

    def reports(self, request: InboundRequest) -> Sequence[DeliveryReport] | Reply:
        """Return what a call of SendGrid's Event Webhook reports, once its signature is verified."""
        if self._public_key is None:
            return _refusal(
                403,
                "no_public_key",
                "Events are refused until this channel's webhook_public_key is set, to the verification key that "
                "SendGrid shows for its Event Webhook.",
            )
        if not is_genuine(request, self._public_key):
            return _refusal(403, "invalid_signature", "The signature is missing or not one of webhook_public_key.")
        try:
            return read_reports(request.body, arrived_at=request.arrived_at)
        except ValueError as error:
            return _refusal(400, "unreadable", f"This is no JSON array of events: {error}")

    def _call(self, method: str, path: str, body: Departure | None = None) -> Answer:
        with self.services.http().request(
            method,
            self._host + path,
            data=body,
            headers={"Content-Type": "application/json"} if body is not None else None,
            auth=self._authorize,  # a header alone would give way to a login in ~/.netrc
            timeout=self.timeout_s,
            allow_redirects=False,
            stream=True,
        ) as response:
            return read_answer(response)

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.config['api_key']}"
        return request


def _refusal(status: int, code: str, message: str) -> Reply:
    return Reply.json({"code": code, "message": message}, status=status)
