"""Events that come back: signatures judged as SendGrid's own SDK judges them, words turned into reports."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from hub.plugin import DeliveryReport, InboundRequest, Reply, ReportKind
from hub.testing.reports import ReportsContract
from hub.testing.values import HOSTILE_BODIES, NOW
from hub_email_sendgrid import SendGridChannel
from hub_email_sendgrid.webhook import KINDS, is_genuine, read_public_key, read_reports

MakeChannel = Callable[..., SendGridChannel]

KEY = ec.derive_private_key(2026, ec.SECP256R1())
OTHER_KEY = ec.derive_private_key(2027, ec.SECP256R1())
TIMESTAMP = str(int(NOW.timestamp()))
SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"


def shown(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the public key as SendGrid's pages show it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def sign(body: bytes, *, timestamp: str = TIMESTAMP, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    return base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))).decode()


def call(body: bytes, *, signature: str | None = None, timestamp: str = TIMESTAMP) -> InboundRequest:
    headers = {SIGNATURE_HEADER: sign(body) if signature is None else signature, TIMESTAMP_HEADER: timestamp}
    return InboundRequest(method="POST", path="/channels/c1/events", arrived_at=NOW, headers=headers, body=body)


def event(word: str, **fields: Any) -> dict[str, Any]:
    return {
        "email": "ada@customers.example",
        "timestamp": int(NOW.timestamp()) - 60,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": word,
        "sg_event_id": "rWVYmVk90MjZJ9iohOBa3w==",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "survey_hub_id": "inv-1",
        **fields,
    }


def wire(*events: Any) -> bytes:
    """Return events as SendGrid writes them, with the line break at the end."""
    return ("[" + ",\r\n".join(json.dumps(one) for one in events) + "]\r\n").encode()


SIGNED = wire(event("delivered"))
SIGNATURE = sign(SIGNED)


@pytest.fixture
def channel(make_channel: MakeChannel) -> SendGridChannel:
    return make_channel(webhook_public_key=shown(KEY))


def reports(channel: SendGridChannel, *events: Any) -> Sequence[DeliveryReport]:
    found = channel.reports(call(wire(*events)))
    assert not isinstance(found, Reply)
    return found


def refusal(channel: SendGridChannel, request: InboundRequest) -> tuple[int, str]:
    reply = channel.reports(request)
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)["message"]


class TestSendGridReports(ReportsContract):
    @pytest.fixture
    def channel(self, channel: SendGridChannel) -> SendGridChannel:
        return channel

    def report_samples(self) -> Sequence[InboundRequest]:
        return [call(SIGNED), call(wire(event("bounce", type="bounce"), event("processed"), event("spamreport")))]

    def signed(self, request: InboundRequest) -> InboundRequest:
        return call(request.body)

    def forged_reports(self) -> Sequence[InboundRequest]:
        unsigned = replace(call(SIGNED), headers={})
        return [unsigned, call(SIGNED, signature=sign(SIGNED, key=OTHER_KEY)), replace(call(SIGNED), body=wire())]


# Signatures


def sdk_accepts(body: str, signature: str, timestamp: str, key: str) -> bool:
    try:
        return bool(EventWebhook(key).verify_signature(body, signature, timestamp))
    except ValueError:  # what is no base64
        return False


@given(body=st.text(st.characters(codec="utf-8")), timestamp=st.text(st.characters(codec="utf-8")))
def test_what_is_signed_is_genuine_to_us_and_to_the_sdk(body: str, timestamp: str) -> None:
    signature = sign(body.encode(), timestamp=timestamp)
    request = call(body.encode(), signature=signature, timestamp=timestamp)
    assert is_genuine(request, KEY.public_key())
    assert sdk_accepts(body, signature, timestamp, shown(KEY))


@given(data=st.data())
def test_what_was_changed_is_forged_to_us_and_to_the_sdk(data: st.DataObject) -> None:
    body, timestamp, signature, key = SIGNED.decode(), TIMESTAMP, SIGNATURE, KEY
    match data.draw(st.sampled_from(["body", "timestamp", "signature", "key"])):
        case "body":
            body = data.draw(mutations(body))
        case "timestamp":
            timestamp = data.draw(mutations(timestamp))
        case "signature":
            octets = bytearray(base64.b64decode(signature))
            octets[data.draw(st.integers(0, 999)) % len(octets)] ^= 1 << data.draw(st.integers(0, 7))
            signature = base64.b64encode(octets).decode()
        case _:
            key = OTHER_KEY
    request = call(body.encode(), signature=signature, timestamp=timestamp)
    assert not is_genuine(request, key.public_key())
    assert not sdk_accepts(body, signature, timestamp, shown(key))


def mutations(text: str) -> st.SearchStrategy[str]:
    """Texts that differ from `text` in one place."""
    place, letter = st.integers(0, len(text) - 1), st.characters(codec="utf-8")
    changed = st.tuples(place, letter).map(lambda drawn: text[: drawn[0]] + drawn[1] + text[drawn[0] + 1 :])
    inserted = st.tuples(place, letter).map(lambda drawn: text[: drawn[0]] + drawn[1] + text[drawn[0] :])
    cut = place.map(lambda at: text[:at] + text[at + 1 :])
    return st.one_of(changed, inserted, cut).filter(lambda mutated: mutated != text)


@pytest.mark.parametrize("trailing", [b"", b"\n", b"\r", b"\r\n\r\n"])
def test_line_break_at_the_end_is_signed_too(channel: SendGridChannel, trailing: bytes) -> None:
    body = wire(event("delivered"))
    stripped = body.rstrip() + trailing
    assert refusal(channel, call(stripped, signature=sign(body)))[0] == 403


@pytest.mark.parametrize(
    "signature", ["", "opaque", "!!!!", "ü", "\ud800", base64.b64encode(b"opaque").decode(), "A" * 100_000]
)
def test_signature_that_is_none_is_refused(channel: SendGridChannel, signature: str) -> None:
    assert refusal(channel, call(wire(), signature=signature)) == (
        403,
        "The signature is missing or not one of webhook_public_key.",
    )


def test_missing_headers_are_refused(channel: SendGridChannel) -> None:
    request = call(wire())
    assert refusal(channel, replace(request, headers={}))[0] == 403
    assert refusal(channel, replace(request, headers={SIGNATURE_HEADER: request.headers[SIGNATURE_HEADER]}))[0] == 403
    assert refusal(channel, replace(request, headers={TIMESTAMP_HEADER: TIMESTAMP}))[0] == 403


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_body_is_not_looked_at_before_its_signature(channel: SendGridChannel, body: bytes) -> None:
    assert refusal(channel, call(body, signature=sign(body, key=OTHER_KEY)))[0] == 403


def test_channel_without_a_key_refuses_and_names_the_setting(make_channel: MakeChannel) -> None:
    for key in (None, ""):
        status, message = refusal(make_channel(webhook_public_key=key), call(wire(event("delivered"))))
        assert status == 403
        assert "webhook_public_key" in message


def test_key_may_be_pasted_with_line_breaks() -> None:
    text = shown(KEY)
    assert read_public_key(f" {text[:60]}\n{text[60:]}\n").public_numbers() == KEY.public_key().public_numbers()


def test_key_on_another_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="as SendGrid shows it"):
        read_public_key(shown(ec.derive_private_key(2026, ec.SECP384R1())))


# Events


@pytest.mark.parametrize(
    ("word", "fields", "kind", "permanent", "detail"),
    [
        ("delivered", {"response": "250 OK"}, ReportKind.DELIVERED, True, "250 OK"),
        ("deferred", {"response": "400 try again", "attempt": "5"}, ReportKind.DEFERRED, True, "400 try again"),
        ("dropped", {"reason": "Bounced Address", "status": "5.0.0"}, ReportKind.DROPPED, True, "Bounced Address"),
        ("bounce", {"reason": "500 unknown", "type": "bounce"}, ReportKind.BOUNCED, True, "500 unknown"),
        ("bounce", {"reason": "500 unknown"}, ReportKind.BOUNCED, True, "500 unknown"),
        ("bounce", {"reason": "550 spam", "type": "blocked"}, ReportKind.BOUNCED, False, "550 spam"),
        ("bounce", {"status": "4.4.7", "type": "expired"}, ReportKind.BOUNCED, False, "4.4.7"),
        ("spamreport", {}, ReportKind.COMPLAINED, True, ""),
        ("spamreport", {"type": "other"}, ReportKind.COMPLAINED, True, ""),
        ("unsubscribe", {}, ReportKind.UNSUBSCRIBED, True, ""),
        ("group_unsubscribe", {"asm_group_id": 10}, ReportKind.UNSUBSCRIBED, True, ""),
    ],
)
def test_event_becomes_a_report(
    word: str, fields: dict[str, Any], kind: ReportKind, permanent: bool, detail: str, channel: SendGridChannel
) -> None:
    at = NOW - timedelta(seconds=60)
    expected = DeliveryReport(message_id="inv-1", kind=kind, at=at, detail=detail, permanent=permanent)
    assert reports(channel, event(word, **fields)) == [expected]


def test_every_kind_of_report_has_a_word() -> None:
    assert set(KINDS.values()) == set(ReportKind)


@pytest.mark.parametrize("word", ["processed", "open", "click", "group_resubscribe", "account_status_change", "", "x"])
def test_event_that_tells_nothing_is_ignored(word: str, channel: SendGridChannel) -> None:
    assert reports(channel, event(word)) == []


@pytest.mark.parametrize("message_id", [None, "", 7, [], {}, "a\0b", "a\nb", "ü", "x" * 201])
def test_event_without_an_id_of_ours_is_ignored(message_id: Any, channel: SendGridChannel) -> None:
    assert reports(channel, event("delivered", survey_hub_id=message_id)) == []


def test_event_of_another_sender_on_the_account_is_ignored(channel: SendGridChannel) -> None:
    foreign = event("bounce")
    del foreign["survey_hub_id"]
    assert reports(channel, foreign) == []


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "delivered",
        [],
        {},
        {"event": []},
        {"event": {}, "survey_hub_id": "inv-9"},
        {"survey_hub_id": "inv-9"},
        event("processed", survey_hub_id=[]),
    ],
)
def test_broken_event_does_not_lose_the_others(broken: Any, channel: SendGridChannel) -> None:
    found = reports(channel, event("delivered", survey_hub_id="a"), broken, event("bounce", survey_hub_id="b"))
    assert [report.message_id for report in found] == ["a", "b"]


def test_letters_that_are_no_utf8_lose_no_event(channel: SendGridChannel) -> None:
    body = wire(event("bounce", reason="550 Gr?n"), event("delivered")).replace(b"?", b"\xfc")
    found = channel.reports(call(body))
    assert not isinstance(found, Reply)
    assert [report.detail for report in found] == ["550 Gr\ufffdn", ""]


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        (1_772_366_340, datetime(2026, 3, 1, 11, 59, tzinfo=UTC)),
        (1_772_366_340.5, datetime(2026, 3, 1, 11, 59, 0, 500_000, tzinfo=UTC)),
        (int(NOW.timestamp()) + 3600, NOW),
        (int(NOW.timestamp()) * 1000, NOW),
        (10**300, NOW),
        (0, NOW),
        (-1, NOW),
        (float("nan"), NOW),
        (float("inf"), NOW),
        (True, NOW),
        (None, NOW),
        ("1772366340", NOW),
        ([], NOW),
    ],
)
def test_time_that_cannot_be_is_when_we_heard_of_it(timestamp: Any, at: datetime, channel: SendGridChannel) -> None:
    (report,) = reports(channel, event("delivered", timestamp=timestamp))
    assert report.at == at


def test_report_is_never_later_than_the_call(channel: SendGridChannel) -> None:
    arrived_at = NOW - timedelta(days=1)
    found = channel.reports(replace(call(wire(event("delivered"))), arrived_at=arrived_at))
    assert not isinstance(found, Reply)
    assert [report.at for report in found] == [arrived_at]


@pytest.mark.parametrize(
    "reason",
    [
        "550 5.1.1 <ada@customers.example>: user unknown",
        "550 ADA@customers.example does not exist; see mailto:postmaster@customers.example",
        'relay for "ada"@customers.example denied, orig_to=<ada@customers.example>',
        "ada@customers.example\0\ud83d " * 1_000,
    ],
)
def test_detail_holds_no_address_and_can_be_stored(reason: str, channel: SendGridChannel) -> None:
    (report,) = reports(channel, event("bounce", reason=reason))
    assert "@" not in report.detail
    assert "customers.example" not in report.detail
    assert "\0" not in report.detail
    assert report.detail.encode()
    assert 0 < len(report.detail) <= 300


def test_address_in_odd_letters_is_not_kept_in_pieces(channel: SendGridChannel) -> None:
    address = "o'neil@customers.example"
    (report,) = reports(channel, event("bounce", email=address, reason=f"550 {address} is unknown"))
    assert report.detail == "550 (address) is unknown"


def test_large_arrays_are_read_whole(channel: SendGridChannel) -> None:
    found = reports(channel, *(event("delivered", survey_hub_id=f"inv-{n}") for n in range(10_000)))
    assert [report.message_id for report in found] == [f"inv-{n}" for n in range(10_000)]


def test_events_come_back_in_their_order(channel: SendGridChannel) -> None:
    words = ["processed", "deferred", "delivered", "open", "spamreport"]
    found = reports(channel, *(event(word) for word in words))
    assert [report.kind for report in found] == [ReportKind.DEFERRED, ReportKind.DELIVERED, ReportKind.COMPLAINED]


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"7", b'"x"', b"[", b"[}", b"[" * 100_000, b"[] []", b"<xml/>"])
def test_body_that_is_no_array_is_refused(channel: SendGridChannel, body: bytes) -> None:
    status, message = refusal(channel, call(body))
    assert status == 400
    assert "no JSON array" in message


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_hostile_body_breaks_nothing(channel: SendGridChannel, body: bytes) -> None:
    found = channel.reports(call(body))
    assert found == [] or (isinstance(found, Reply) and found.status == 400)


def values() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
    return st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@given(st.fixed_dictionaries({name: values() for name in ("timestamp", "reason", "response", "type", "email")}))
def test_any_value_in_an_event_breaks_nothing(fields: dict[str, Any]) -> None:
    (report,) = read_reports(wire({**event("bounce"), **fields}), arrived_at=NOW)
    assert (report.message_id, report.kind) == ("inv-1", ReportKind.BOUNCED)
    assert report.at <= NOW


@given(values())
def test_anything_among_the_events_loses_none_of_them(value: Any) -> None:
    found = read_reports(wire(event("delivered"), value, {"event": value, "survey_hub_id": value}), arrived_at=NOW)
    assert [report.message_id for report in found] == ["inv-1"]
