"""What operators may write, and what it means."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from hub.plugin import Services
from hub_email_smtp.channel import SmtpChannel
from hub_email_smtp.sender import Sender
from hub_email_smtp.settings import Relay, SmtpSchema, is_loopback

MINIMAL = {"host": "127.0.0.1", "port": 2525, "from": "Acme <hello@acme.example>"}
LOGIN = {"username": "hub", "password": "opaque"}
REMOTE = "mail.acme.example"


def relay(**settings: Any) -> Relay:
    return Relay.from_config(SmtpSchema().load({**MINIMAL, **settings}))


def test_three_lines_are_enough() -> None:
    assert (relay().host, relay().port, relay().username) == ("127.0.0.1", 2525, None)


@pytest.mark.parametrize(
    ("settings", "implicit_tls", "may_starttls", "must_starttls"),
    [
        ({}, False, True, False),
        ({"host": REMOTE}, False, True, False),
        ({"host": REMOTE, "port": 465}, True, False, False),
        ({"host": REMOTE, **LOGIN}, False, True, True),
        ({"host": REMOTE, "port": 465, **LOGIN}, True, False, False),
        ({**LOGIN}, False, True, False),
        ({"security": "starttls"}, False, True, True),
        ({"security": "starttls", "port": 465}, False, True, True),
        ({"security": "tls"}, True, False, False),
        ({"security": "none", "port": 465}, False, False, False),
        ({"security": "none", **LOGIN}, False, False, False),
    ],
)
def test_security_decides_on_encryption(
    settings: dict[str, Any], implicit_tls: bool, may_starttls: bool, must_starttls: bool
) -> None:
    asked = relay(**settings)
    assert (asked.implicit_tls, asked.may_starttls, asked.must_starttls) == (implicit_tls, may_starttls, must_starttls)


@pytest.mark.parametrize(
    ("settings", "verify_tls"),
    [
        ({}, False),
        ({"security": "starttls"}, True),
        ({"host": REMOTE}, True),
        ({"host": REMOTE, "verify_tls": False}, False),
    ],
)
def test_certificates_are_verified_except_on_this_machine(settings: dict[str, Any], verify_tls: bool) -> None:
    assert relay(**settings).verify_tls is verify_tls


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"username": "hub"}, "password"),
        ({"password": "opaque"}, "username"),
        ({"host": REMOTE, "security": "none", **LOGIN}, "security"),
        ({"username": "hüb", "password": "opaque"}, "username"),
        ({"username": "hub", "password": "öpaque"}, "password"),
        ({"host": "mail.acme.example:25"}, "host"),
        ({"host": "two words"}, "host"),
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"security": "ssl"}, "security"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"messages_per_connection": 0}, "messages_per_connection"),
        ({"helo": "two words"}, "helo"),
        ({"from": "Acme"}, "from"),
        ({"from": ""}, "from"),
        ({"from": "Acme, Inc. <hello@acme.example>"}, "from"),
        ({"from": "a@acme.example, b@acme.example"}, "from"),
        ({"from": "Acme <hello@acme.example>\r\nBcc: all@acme.example"}, "from"),
        ({"from": "Acme <hellö@acme.example>"}, "from"),
        ({"from": "Acme <hello@>"}, "from"),
        ({"from": "../x <hello@acme.example>"}, "from"),
        ({"from": "_, (/ _)<hello@acme.example>"}, "from"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], field: str) -> None:
    errors = SmtpSchema().validate({**MINIMAL, **settings})
    assert set(errors) == {field}


def test_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(ValidationError) as refusal:
        SmtpSchema().load({**MINIMAL, "password": "opaque"})
    assert "opaque" not in str(refusal.value)


def test_password_is_not_shown() -> None:
    assert "opaque" not in repr(relay(**LOGIN))


def test_every_setting_explains_itself() -> None:
    assert all(field.metadata.get("help") for field in SmtpSchema().fields.values())


@pytest.mark.parametrize(
    ("text", "header", "address"),
    [
        ("hello@acme.example", "hello@acme.example", "hello@acme.example"),
        ("Acme <hello@acme.example>", "Acme <hello@acme.example>", "hello@acme.example"),
        ('"Acme, Inc." <hello@acme.example>', '"Acme, Inc." <hello@acme.example>', "hello@acme.example"),
        ("Müller <hello@acme.example>", "=?utf-8?q?M=C3=BCller?= <hello@acme.example>", "hello@acme.example"),
    ],
)
def test_sender_is_one_line_of_ascii(text: str, header: str, address: str) -> None:
    sender = Sender.parse(text)
    assert (sender.address, sender.header) == (address, header)


@pytest.mark.parametrize(
    ("text", "name"), [("Acme <hello@acme.example>", "Acme"), ("hello@acme.example", "acme.example")]
)
def test_customers_see_the_name_before_the_address_else_its_domain(text: str, name: str, services: Services) -> None:
    channel = SmtpChannel("relay", SmtpSchema().load({"host": "127.0.0.1", "from": text}), services)
    assert channel.sender_name == name


def test_long_international_name_is_split_into_words_mail_programs_take() -> None:
    words = Sender.parse(f"{'株式会社' * 12} <hello@acme.example>").header.split(" ")
    assert len(words) > 2
    assert all(len(word) <= 75 and word.isascii() for word in words)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("localhost.acme.example", False),
    ],
)
def test_this_machine_is_known_by_its_names(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
