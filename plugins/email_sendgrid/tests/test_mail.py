"""The request that carries a mail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sendgrid.helpers import mail as sdk

from hub.plugin import Message, Services
from hub.testing.http_server import RecordingServer
from hub.testing.messages import sample_message
from hub_email_sendgrid import SendGridChannel
from hub_email_sendgrid.mail import RESERVED_HEADERS, request_body
from hub_email_sendgrid.sender import Sender

MakeChannel = Callable[..., SendGridChannel]

SENDER = Sender(address="hello@acme.example", name="Acme")
HOSTILE = 'Ada" <evil@evil.example>,\r\nBcc: all@evil.example {{name}} \u202e\U0001f600 \\" -name- ]}'


def document(message: Message, *, sandbox: bool = False) -> dict[str, Any]:
    return json.loads(request_body(message, SENDER, sandbox=sandbox))


def test_mail_is_one_message_to_one_recipient() -> None:
    message = sample_message()
    assert document(message) == {
        "personalizations": [{"to": [{"email": "inv-1@customers.example"}]}],
        "from": {"email": "hello@acme.example", "name": "Acme"},
        "subject": message.subject,
        "content": [{"type": "text/plain", "value": message.text}, {"type": "text/html", "value": message.html}],
        "headers": {
            "Message-ID": "<inv-1@survey.acme.example>",
            "List-Unsubscribe": "<https://survey.acme.example/u/opaque>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
        "custom_args": {"survey_hub_id": "inv-1"},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }


def test_sdk_writes_the_same_document() -> None:
    message = sample_message()
    mail = sdk.Mail(
        from_email=sdk.From("hello@acme.example", "Acme"),
        to_emails=sdk.To(message.to),
        subject=message.subject,
        plain_text_content=message.text,
        html_content=message.html,
    )
    mail.header = [sdk.Header(name, value) for name, value in message.headers.items()]
    mail.custom_arg = sdk.CustomArg("survey_hub_id", message.id)
    tracking = sdk.TrackingSettings()
    tracking.click_tracking = sdk.ClickTracking(enable=False, enable_text=False)
    tracking.open_tracking = sdk.OpenTracking(enable=False)
    tracking.subscription_tracking = sdk.SubscriptionTracking(enable=False)
    tracking.ganalytics = sdk.Ganalytics(enable=False)
    mail.tracking_settings = tracking
    mail.mail_settings = sdk.MailSettings(sandbox_mode=sdk.SandBoxMode(enable=True))
    assert document(message, sandbox=True) == mail.get()


def test_request_is_json_with_the_key(sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    message = sample_message()
    channel.send(message, lambda: None)
    (request,) = sendgrid.requests
    assert (request.method, request.path) == ("POST", "/v3/mail/send")
    assert request.headers["authorization"] == "Bearer SG.opaque"
    assert request.headers["content-type"] == "application/json"
    assert "transfer-encoding" not in request.headers
    assert json.loads(request.body) == document(message)


def test_login_in_netrc_does_not_replace_the_key(
    sendgrid: RecordingServer,
    channel: SendGridChannel,
    services: Services,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("NO_PROXY", "*")
    services.http().trust_env = True
    channel.send(sample_message(), lambda: None)
    assert sendgrid.requests[0].headers["authorization"] == "Bearer SG.opaque"


def test_sender_without_a_name_has_none() -> None:
    body = request_body(sample_message(), Sender(address="hello@acme.example"), sandbox=False)
    assert json.loads(body)["from"] == {"email": "hello@acme.example"}


def test_headers_that_sendgrid_reserves_are_left_out() -> None:
    reserved = {name.title(): "x" for name in RESERVED_HEADERS} | {"X-SG-EID": "x", "TO": "x", "reply-to": "x"}
    message = replace(sample_message(), headers={**reserved, "X-Survey": "kept"})
    assert document(message)["headers"] == {"X-Survey": "kept"}


def test_reserved_headers_are_those_the_sdk_documents() -> None:
    documented = " ".join((sdk.Header.__doc__ or "").split()).partition("reserved headers: ")[2]
    assert {name.strip().lower() for name in documented.split(",")} == RESERVED_HEADERS


def test_hostile_texts_stay_where_they_are() -> None:
    message = sample_message(to='"a,b"@customers.example')
    mail = document(replace(message, subject=HOSTILE, text=HOSTILE, html=HOSTILE, id=HOSTILE))
    assert mail["personalizations"] == [{"to": [{"email": '"a,b"@customers.example'}]}]
    assert (mail["subject"], mail["custom_args"]) == (HOSTILE, {"survey_hub_id": HOSTILE})
    assert [part["value"] for part in mail["content"]] == [HOSTILE, HOSTILE]


@given(st.text(), st.text())
def test_any_text_comes_through_as_ascii_json(subject: str, text: str) -> None:
    body = request_body(replace(sample_message(), subject=subject, text=text), SENDER, sandbox=False)
    assert body.isascii()
    mail = json.loads(body)
    assert (mail["subject"], mail["content"][0]["value"]) == (subject, text)


@pytest.mark.parametrize("sandbox_mode", [True, False])
def test_sandbox_mode_is_asked_for_when_set(
    sandbox_mode: bool, sendgrid: RecordingServer, make_channel: MakeChannel
) -> None:
    make_channel(host=sendgrid.url, sandbox_mode=sandbox_mode).send(sample_message(), lambda: None)
    mail = json.loads(sendgrid.requests[0].body)
    assert mail.get("mail_settings") == ({"sandbox_mode": {"enable": True}} if sandbox_mode else None)
