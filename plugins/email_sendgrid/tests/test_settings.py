"""What operators may write, and what it means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from marshmallow import ValidationError

from hub_email_sendgrid import SendGridChannel
from hub_email_sendgrid.sender import Sender
from hub_email_sendgrid.settings import SendGridSchema, host_of

MINIMAL = {"api_key": "SG.opaque", "from": "Acme <hello@acme.example>"}
# An RSA key, and a key on another curve.
RSA_KEY = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu"
    "KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ=="
)


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "https://api.sendgrid.com"),
        ({"region": "eu"}, "https://api.eu.sendgrid.com"),
        ({"region": "eu", "host": "http://proxy:8080/"}, "http://proxy:8080"),
        ({"host": "http://127.0.0.1:8025"}, "http://127.0.0.1:8025"),
    ],
)
def test_region_or_host_says_where_to_call(settings: dict[str, Any], host: str) -> None:
    assert host_of(SendGridSchema().load({**MINIMAL, **settings})) == host


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": "SG.opaque\n"}, "api_key"),
        ({"api_key": "SG opaque"}, "api_key"),
        ({"api_key": "SG.öpaque"}, "api_key"),
        ({"region": "mars"}, "region"),
        ({"host": "api.sendgrid.com"}, "host"),
        ({"host": "ftp://api.sendgrid.com"}, "host"),
        ({"sandbox_mode": "perhaps"}, "sandbox_mode"),
        ({"webhook_public_key": "MFkw"}, "webhook_public_key"),
        ({"webhook_public_key": "not base64!"}, "webhook_public_key"),
        ({"webhook_public_key": "schlüssel"}, "webhook_public_key"),
        ({"webhook_public_key": RSA_KEY}, "webhook_public_key"),
        ({"from": "Acme"}, "from"),
        ({"from": ""}, "from"),
        ({"from": "Acme, Inc. <hello@acme.example>"}, "from"),
        ({"from": "a@acme.example, b@acme.example"}, "from"),
        ({"from": "Acme <hello@acme.example>\r\nBcc: all@acme.example"}, "from"),
        ({"from": "Acme\u202e <hello@acme.example>"}, "from"),
        ({"from": "Acme <hellö@acme.example>"}, "from"),
        ({"from": "Acme <hello@äcme.example>"}, "from"),
        ({"from": "Acme <hello@acme.example"}, "from"),
        ({"from": "../x <hello@acme.example>"}, "from"),
        ({"from": "_, (/ _)<hello@acme.example>"}, "from"),
        ({"from": "Acme <hello@[127.0.0.1]>"}, "from"),
        ({"from": 'Acme <"he llo"@acme.example>'}, "from"),
        ({"from": "Acme <hello@>"}, "from"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], field: str) -> None:
    assert set(SendGridSchema().validate({**MINIMAL, **settings})) == {field}


@pytest.mark.parametrize("missing", ["api_key", "from"])
def test_key_and_sender_are_required(missing: str) -> None:
    written = {name: value for name, value in MINIMAL.items() if name != missing}
    assert set(SendGridSchema().validate(written)) == {missing}


def test_refusal_does_not_repeat_the_key() -> None:
    with pytest.raises(ValidationError) as refusal:
        SendGridSchema().load({**MINIMAL, "api_key": "SG.opaque key"})
    assert "SG.opaque" not in str(refusal.value)


def test_every_setting_explains_itself() -> None:
    assert all(field.metadata.get("help") for field in SendGridSchema().fields.values())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hello@acme.example", ""),
        ("Acme <hello@acme.example>", "Acme"),
        ('"Acme, Inc." <hello@acme.example>', "Acme, Inc."),
        ("Müller 株式会社 <hello@acme.example>", "Müller 株式会社"),
    ],
)
def test_sender_is_a_name_and_an_address(text: str, name: str) -> None:
    assert Sender.parse(text) == Sender(address="hello@acme.example", name=name)


@pytest.mark.parametrize(
    ("text", "name"), [("Acme <hello@acme.example>", "Acme"), ("hello@acme.example", "acme.example")]
)
def test_customers_see_the_name_before_the_address_else_its_domain(
    text: str, name: str, make_channel: Callable[..., SendGridChannel]
) -> None:
    assert make_channel(**{"from": text}).sender_name == name
