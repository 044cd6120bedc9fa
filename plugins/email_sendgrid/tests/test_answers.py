"""What people are told about an answer, and what `hub check` says. What each answer means: the fault matrix."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from hub.plugin import NotSent, Outcome, Rejected, Sent, Services, Unknown
from hub.testing.channels import deliver
from hub.testing.http_server import Answer, RecordingServer
from hub.testing.messages import sample_message
from hub.testing.values import NOW
from hub_email_sendgrid import SendGridChannel
from hub_email_sendgrid.answer import LONGEST_BODY, read_answer

MakeChannel = Callable[..., SendGridChannel]

UNVERIFIED = "The from address does not match a verified Sender Identity."


def errors(message: str, field: str | None = None) -> bytes:
    return json.dumps({"errors": [{"message": message, "field": field, "help": None}]}).encode()


def send(channel: SendGridChannel) -> Outcome:
    return channel.send(sample_message(), lambda: None)


def test_patience_with_sendgrid_is_reasonable() -> None:
    assert SendGridChannel.timeout_s == (5.0, 30.0)


@pytest.mark.parametrize(("headers", "provider_id"), [({"X-Message-Id": "a.b-c"}, "a.b-c"), ({}, None)])
def test_accepted_mail_keeps_sendgrids_name_for_it(
    headers: dict[str, str], provider_id: str | None, sendgrid: RecordingServer, channel: SendGridChannel
) -> None:
    sendgrid.answer(Answer(status=202, body=b"\xff\0not JSON", headers=headers))
    assert send(channel) == Sent(provider_id=provider_id)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"errors": 7}',
        b'{"errors": [7, null, {"message": 7, "field": {}}, {"field": []}]}',
        b'{"errors": ' + b"[" * 20_000,
        b"9" * 5_000,
    ],
)
@pytest.mark.parametrize(
    ("status", "expected"), [(400, NotSent), (401, NotSent), (413, Rejected), (429, NotSent), (500, Unknown)]
)
def test_body_that_is_not_sendgrids_breaks_nothing(
    body: bytes, status: int, expected: type, sendgrid: RecordingServer, channel: SendGridChannel
) -> None:
    sendgrid.answer(Answer(status=status, body=body))
    assert type(send(channel)) is expected


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (
            Answer(status=400, body=errors("Bad subject.", "subject")),
            ["SendGrid refused the mail (400)", "Bad subject"],
        ),
        (Answer(status=401, body=errors("Maximum credits exceeded")), ["Maximum credits exceeded", "`api_key`"]),
        (Answer(status=403, body=errors(UNVERIFIED, "from")), ["verified Sender Identity", "mail.send", "`from`"]),
        (Answer(status=400, body=errors("Not an address.", "from.email")), ["Not an address", "`from`"]),
        (Answer(status=404), ["http://127.0.0.1:", "404", "`host`"]),
        (Answer(status=500, body=errors("Oops.")), ["500", "Oops"]),
    ],
)
def test_people_are_told_what_sendgrid_said_and_what_to_do(
    answer: Answer, parts: list[str], sendgrid: RecordingServer, channel: SendGridChannel
) -> None:
    sendgrid.answer(answer)
    outcome = send(channel)
    assert not isinstance(outcome, Sent)
    assert [part for part in parts if part not in outcome.why] == []


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500])
def test_no_address_is_kept_of_what_sendgrid_says(
    status: int, sendgrid: RecordingServer, channel: SendGridChannel
) -> None:
    said = 'The address "Ada <INV-1@customers.example>", (o.ther+tag@customers.example) or hello@acme.example\0 fails.'
    sendgrid.answer(Answer(status=status, body=errors(said, "personalizations.0.to.0.email")))
    outcome = send(channel)
    assert not isinstance(outcome, Sent)
    assert "@" not in outcome.why
    assert "\0" not in outcome.why
    assert "The address" in outcome.why
    assert "fails." in outcome.why


def test_address_in_odd_letters_is_not_kept_in_pieces(sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    sendgrid.answer(Answer(status=400, body=errors("No: O'Neil@customers.example.", "to")))
    outcome = channel.send(sample_message(to="o'neil@customers.example"), lambda: None)
    assert outcome == Rejected(why="SendGrid refused the mail (400). No: (address).")


def test_long_words_are_cut(sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    sendgrid.answer(Answer(status=400, body=errors("long " * 10_000)))
    outcome = send(channel)
    assert isinstance(outcome, Rejected)
    assert len(outcome.why) < 400


def test_answer_without_end_is_not_read_to_it(http_server: RecordingServer, services: Services) -> None:
    http_server.answer(Answer(body=b"x" * 1_000_000))
    with services.http().get(http_server.url, stream=True, timeout=30) as response:
        assert len(read_answer(response).body) == LONGEST_BODY


def test_no_word_of_the_key_is_kept(sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    sendgrid.respond = lambda request: Answer(status=401, body=errors("The provided authorization grant is invalid"))
    assert "SG.opaque" not in repr(send(channel))
    assert sendgrid.requests[0].headers["authorization"] == "Bearer SG.opaque"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "9" * 5_000}, 3_600.0),
        ({"Retry-After": "soon"}, None),
        ({"X-RateLimit-Reset": str(int((NOW + timedelta(seconds=42)).timestamp()))}, 42.0),
        ({"X-RateLimit-Reset": str(int((NOW - timedelta(seconds=42)).timestamp()))}, 0.0),
        ({"X-RateLimit-Reset": "9" * 400}, 3_600.0),
        ({"X-RateLimit-Reset": "-1"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"Retry-After": "7", "X-RateLimit-Reset": "1"}, 7.0),
        ({"Retry-After": "x", "X-RateLimit-Reset": "1"}, 0.0),
    ],
)
def test_channel_pauses_for_as_long_as_sendgrid_asks(
    status: int,
    headers: dict[str, str],
    retry_after_s: float | None,
    sendgrid: RecordingServer,
    channel: SendGridChannel,
) -> None:
    sendgrid.answer(Answer(status=status, headers=headers))
    outcome = send(channel)
    assert isinstance(outcome, NotSent)
    assert (outcome.pause, outcome.retry_after_s) == (True, retry_after_s)


def test_trouble_of_one_mail_leaves_the_others_alone(sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    sendgrid.answer(Answer(status=400, body=errors("No.")), Answer(fault="reset"), Answer(status=429))
    outcomes = [outcome for _, outcome in deliver(channel, [sample_message(id=f"inv-{n}") for n in range(40)]).outcomes]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotSent", "Rejected", *["Sent"] * 37, "Unknown"]


# Sandbox mode


@pytest.mark.parametrize(("sandbox_mode", "expected"), [(True, Sent), (False, Unknown)])
def test_mail_checked_in_sandbox_mode_counts_as_sent(
    sandbox_mode: bool, expected: type, sendgrid: RecordingServer, make_channel: MakeChannel
) -> None:
    sendgrid.answer(Answer(status=200, body=b""))
    assert type(send(make_channel(host=sendgrid.url, sandbox_mode=sandbox_mode))) is expected


# Check


def check(channel: SendGridChannel) -> str:
    """Return what `hub check` would say."""
    try:
        channel.check()
    except Exception as error:  # noqa: BLE001  its kind is looked at by the contract
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (Answer(body=b'{"scopes": ["alerts.read", "mail.send"]}'), ""),
        (Answer(body=b'{"scopes": ["alerts.read"]}'), "the scope mail.send"),
        (Answer(body=b'{"scopes": "mail.send"}'), "`host`"),
        (Answer(body=b"<html>"), "`host`"),
        (Answer(status=401, body=errors("authorization required")), "authorization required. Check `api_key`"),
        (Answer(status=403, body=errors("access forbidden")), "access forbidden. Check that the key"),
        (Answer(status=404), "`host`"),
        (Answer(status=500, body=b'{"scopes": ["mail.send"]}'), "500"),
        (Answer(status=301, headers={"Location": "/"}), "`host`"),
        (Answer(status=429), "slow down"),
        (Answer(status=500), "500"),
        (Answer(fault="reset"), "could not be reached"),
    ],
)
def test_check_says_what_is_wrong(
    answer: Answer, part: str, sendgrid: RecordingServer, channel: SendGridChannel
) -> None:
    sendgrid.answer(answer)
    said = check(channel)
    assert part in said
    assert bool(said) is bool(part)
    assert [(request.method, request.path, request.body) for request in sendgrid.requests] == [
        ("GET", "/v3/scopes", b"")
    ]


def test_check_does_not_wait_forever(sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    channel.timeout_s = (1, 0.2)
    sendgrid.answer(Answer(fault="silence"))
    assert "no answer in time" in check(channel)
