"""The slow reading of docs/rules.md against examples worked by hand from its text."""

from typing import Any

import pytest

from .oracle import Event, UnreadableError, parse_created_at, replay

# Every story happens around this moment; the expected times below are written out by hand.
NOON = "2026-03-10T12:00:00Z"
SCHEDULED_NOW = "scheduled: scheduled due 2026-03-10T12:00:00.000000Z"
MERGED_NOW = "merged: already_scheduled due 2026-03-10T12:00:00.000000Z"
THREE_TO_FOURTEEN = {"min_delay_days": 3, "max_delay_days": 14}
ALWAYS = {"min_interval_weeks": 0}


def event(at: str = NOON, type: str = "identify", *, user: Any = "u1", **fields: Any) -> Event:
    return {"type": type, "userId": user, "receivedAt": at, **fields}


def identify(at: str = NOON, *, user: Any = "u1", anonymous: Any = None, **traits: Any) -> Event:
    """Return an identify of ann@example.com, unless the traits say another `email` (None for none)."""
    return event(at, user=user, anonymousId=anonymous, traits={"email": "ann@example.com"} | traits)


def said_by(events: list[Event], settings: dict[str, Any]) -> list[str]:
    numbered = [{"messageId": f"m{number}"} | one for number, one in enumerate(events)]
    return [
        f"{line['outcome']}: {line['reason']}"
        + (f" due {line['due_at']}" if line["due_at"] else "")
        + (f" again {line['eligible_again_at']}" if line["eligible_again_at"] else "")
        for line in replay(numbered, settings)
    ]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        (" 2026-03-01\n", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T10:20", "2026-03-01T10:20:00+00:00"),
        ("2026-03-01t10:20:30z", "2026-03-01T10:20:30+00:00"),
        ("2026-03-01 10:20:30Z", "2026-03-01T10:20:30+00:00"),
        ("2026-03-01T10:20:30.5", "2026-03-01T10:20:30.500000+00:00"),
        ("2026-03-01T10:20:30.1234569Z", "2026-03-01T10:20:30.123456+00:00"),
        ("2026-03-01T01:20:30+05:30", "2026-02-28T19:50:30+00:00"),
        ("2026-03-01T20:20-0530", "2026-03-02T01:50:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00"),
        ("1990-01-01", "1990-01-01T00:00:00+00:00"),
        ("1989-12-31T23:00:00-01:00", "1990-01-01T00:00:00+00:00"),
        (1_700_000_000, "2023-11-14T22:13:20+00:00"),
        (1_700_000_000.25, "2023-11-14T22:13:20.250000+00:00"),
        ("1700000000", "2023-11-14T22:13:20+00:00"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123000+00:00"),
        (1_700_000_000_123.5, "2023-11-14T22:13:20.123500+00:00"),
        (" 1700000000123 ", "2023-11-14T22:13:20.123000+00:00"),
    ],
)
def test_created_at_is_read(value: Any, moment: str) -> None:
    assert parse_created_at(value).isoformat() == moment


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        True,
        False,
        [],
        {},
        "yesterday",
        "2026-02-29",
        "2026-3-1",
        "2026-03-01T24:00",
        "2026-03-01T10:60",
        "2026-03-01T10:20:60",
        "2026-03-01T10",
        "2026-03-01  10:20",
        "2026-03-01T10:20.5",
        "2026-03-01T10:20:30.",
        "2026-03-01T10:20:30,5",
        "2026-03-01T10:20 Z",
        "2026-03-01T10:20+01",
        "2026-03-01Z",
        "٢٠٢٦-03-01",
        "1989-12-31",
        "1990-01-01T00:30+01:00",
        "0001-01-01T00:00+01:00",
        999_999_999,
        17_000_000_000,
        -1_700_000_000,
        "1700000000.5",
        "1.7e9",
        "0000000001",
        float("inf"),
        float("nan"),
    ],
)
def test_created_at_is_unreadable(value: Any) -> None:
    with pytest.raises(UnreadableError):
        parse_created_at(value)


@pytest.mark.parametrize(
    ("one", "settings", "expected"),
    [
        # 2 to 4: what never reaches the survey
        (event(type="track"), {}, "ignored: not_a_trigger"),
        (event(type="track", user=None), {}, "ignored: not_a_trigger"),
        (event(user=None), {}, "rejected: no_identity"),
        (event(user="", anonymousId=""), {}, "rejected: no_identity"),
        (event(user=True), {}, "rejected: unreadable"),
        (event(anonymousId=["a1"]), {}, "rejected: unreadable"),
        (event(user={}), {}, "rejected: unreadable"),
        (identify(user=0), {}, SCHEDULED_NOW),
        (identify(user=None, anonymous="a1"), {}, SCHEDULED_NOW),
        # 3: echoes
        (identify() | {"context": {"active": False}}, {}, "ignored: echo"),
        (identify() | {"context": {"active": True}}, {}, SCHEDULED_NOW),
        (identify() | {"integrations": {"Survey Hub": False}}, {}, "ignored: echo"),
        (identify() | {"integrations": {"Mixpanel": False}}, {}, SCHEDULED_NOW),
        (identify(NPS_rating=9), {}, "ignored: echo"),
        (event(traits={"NPS_comment": ""}), {}, "ignored: echo"),
        (identify(NPS_rating=9, plan="pro"), {}, SCHEDULED_NOW),
        (event(user=None, traits={"NPS_rating": 9}), {}, "ignored: echo"),
        # 7 and 8: addresses
        (event(), {}, "skipped: no_email"),
        (identify(email=None), {}, "skipped: no_email"),
        (identify(email=""), {}, "skipped: bad_email"),
        (identify(email="ann@localhost"), {}, "skipped: bad_email"),
        (identify(email="ann@shop.test"), {}, "skipped: bad_email"),
        (identify(email=5), {}, "skipped: bad_email"),
        (identify(email="josé@example.com"), {}, SCHEDULED_NOW),
        (event(context={"traits": {"email": "ann@example.com"}}), {}, SCHEDULED_NOW),
        (identify() | {"context": {"traits": {"email": ""}}}, {}, SCHEDULED_NOW),
        # 11: stale events
        (identify() | {"timestamp": "2026-03-08T12:00:00Z"}, {}, SCHEDULED_NOW),
        (identify() | {"timestamp": "2026-03-08T11:59:59.999999Z"}, {}, "skipped: stale_event"),
        (identify() | {"timestamp": "2026-03-01T00:00:00Z"}, {"max_event_age_hours": 0}, SCHEDULED_NOW),
        (identify() | {"timestamp": "2027-01-01T00:00:00Z"}, {}, SCHEDULED_NOW),
        (identify() | {"timestamp": "yesterday"}, {}, SCHEDULED_NOW),
        # The client's clock is 400 days behind: sent a second after it happened.
        (
            identify() | {"timestamp": "2025-02-03T12:00:00Z", "sentAt": "2025-02-03T12:00:01Z"},
            {},
            SCHEDULED_NOW,
        ),
        # Kept by the client for 48 hours and a second, though its clock says that it was today.
        (
            identify() | {"timestamp": "2026-03-10T12:00:00Z", "sentAt": "2026-03-12T12:00:01Z"},
            {},
            "skipped: stale_event",
        ),
        (identify() | {"timestamp": "2026-03-01T00:00:00Z", "sentAt": ""}, {}, "skipped: stale_event"),
        # 12 to 14: createdAt
        (identify(createdAt="soon"), {}, "skipped: created_at_invalid"),
        (identify(createdAt=""), {}, "skipped: created_at_invalid"),
        (identify(createdAt=None), {}, SCHEDULED_NOW),
        (identify(createdAt=None, created_at="soon"), {}, "skipped: created_at_invalid"),
        (identify(createdAt="2026-03-01", created_at="soon"), {}, SCHEDULED_NOW),
        (identify(createdAt="2026-03-11T12:00:00.000001Z"), {}, "skipped: created_at_future"),
        (identify(createdAt="2026-03-11T12:00:00Z"), {}, SCHEDULED_NOW),
        (identify(), {"on_missing_created_at": "skip"}, "skipped: no_created_at"),
        (
            identify(created_at="2026-03-01") | {"context": {"traits": {"createdAt": "soon"}}},
            {},
            SCHEDULED_NOW,
        ),
        # 15 and the due time: min 3, max 14
        (
            identify(createdAt=NOON),
            THREE_TO_FOURTEEN,
            "scheduled: scheduled due 2026-03-13T12:00:00.000000Z",
        ),
        (identify(createdAt="2026-03-05T12:00Z"), THREE_TO_FOURTEEN, SCHEDULED_NOW),
        (identify(createdAt="2026-02-24T12:00Z"), THREE_TO_FOURTEEN, SCHEDULED_NOW),
        (identify(createdAt="2026-02-24T11:59:59.999999Z"), THREE_TO_FOURTEEN, "skipped: too_old"),
        (
            identify(createdAt="2026-03-11T11:00Z"),
            THREE_TO_FOURTEEN,
            "scheduled: scheduled due 2026-03-13T12:00:00.000000Z",
        ),
        (identify(createdAt="1990-01-01"), {"min_delay_days": 3}, SCHEDULED_NOW),
        (
            identify(createdAt="2026-03-10"),
            {"min_delay_days": 0.5, "max_delay_days": 0.5},
            SCHEDULED_NOW,
        ),
        (identify(), THREE_TO_FOURTEEN, SCHEDULED_NOW),
        (
            identify(),
            THREE_TO_FOURTEEN | {"on_missing_created_at": "first_seen"},
            "scheduled: scheduled due 2026-03-13T12:00:00.000000Z",
        ),
    ],
)
def test_one_event_is_decided(one: Event, settings: dict[str, Any], expected: str) -> None:
    assert said_by([one], settings) == [expected]


@pytest.mark.parametrize(
    ("events", "settings", "last"),
    [
        pytest.param(
            [identify(), identify() | {"messageId": "m0"}],
            {},
            "ignored: duplicate",
            id="a message id counts once",
        ),
        pytest.param(
            [event(user=None) | {"messageId": "x"}, identify() | {"messageId": "x"}],
            {},
            "ignored: duplicate",
            id="a rejected event has used its message id up",
        ),
        pytest.param([identify(), identify()], {}, MERGED_NOW, id="due this very moment is still waiting"),
        pytest.param(
            [identify(), identify("2026-03-10T12:00:00.000001Z")],
            {},
            "skipped: throttled again 2026-09-08T12:00:00.000000Z",
            id="a microsecond later it was sent",
        ),
        pytest.param(
            [identify(), identify("2026-09-08T11:59:59.999999Z")],
            {},
            "skipped: throttled again 2026-09-08T12:00:00.000000Z",
            id="a microsecond before 26 weeks is too early",
        ),
        pytest.param(
            [identify(), identify("2026-09-08T12:00:00Z")],
            {},
            "scheduled: scheduled due 2026-09-08T12:00:00.000000Z",
            id="26 weeks to the microsecond are enough",
        ),
        pytest.param(
            [identify(), identify("2026-09-07T12:00:00Z", createdAt="2026-09-07")],
            {"min_delay_days": 3},
            "scheduled: scheduled due 2026-09-10T00:00:00.000000Z",
            id="the interval is measured to the due time",
        ),
        pytest.param(
            [identify(), identify("2026-03-10T13:00Z")],
            ALWAYS,
            "scheduled: scheduled due 2026-03-10T13:00:00.000000Z",
            id="no interval surveys at every identify",
        ),
        pytest.param(
            [identify(), identify("2026-03-10T13:00Z", user="u2", email="ANN@Example.com ")],
            {},
            "skipped: throttled again 2026-09-08T12:00:00.000000Z",
            id="a shared mailbox is throttled in any case",
        ),
        pytest.param(
            [identify(createdAt=NOON), identify(user="u2", createdAt="2026-03-01")],
            {"min_delay_days": 3},
            "skipped: throttled again 2026-09-11T12:00:00.000000Z",
            id="another person's waiting invitation counts at its due time",
        ),
        pytest.param(
            [identify(), identify("2026-03-10T13:00Z", email="new@example.com")],
            {},
            "skipped: throttled again 2026-09-08T12:00:00.000000Z",
            id="a person is throttled at a new mailbox",
        ),
        pytest.param(
            [
                identify(),
                identify("2026-03-10T13:00Z", email="new@example.com"),
                identify("2026-03-10T14:00Z", user="u2", email="new@example.com"),
            ],
            {},
            "scheduled: scheduled due 2026-03-10T14:00:00.000000Z",
            id="a sent mail stays with the mailbox it went to",
        ),
        pytest.param(
            [
                identify(createdAt=NOON),
                identify("2026-03-10T13:00Z", createdAt=NOON, email="new@example.com"),
                identify("2026-03-10T14:00Z", user="u2", createdAt=NOON),
            ],
            {"min_delay_days": 3},
            "scheduled: scheduled due 2026-03-13T12:00:00.000000Z",
            id="a waiting invitation goes to the newest address",
        ),
        pytest.param(
            [identify(createdAt=NOON), identify(createdAt="2026-03-09T12:00Z")],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-12T12:00:00.000000Z",
            id="another createdAt moves the due time",
        ),
        pytest.param(
            [identify(createdAt=NOON), identify("2026-03-11T12:00Z", createdAt="2026-03-10T13:00+01:00")],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="another spelling doesn't move it",
        ),
        pytest.param(
            [
                identify(createdAt="2026-03-11T00:00Z"),
                identify("2026-03-10T18:00Z", createdAt="2026-03-11T00:00Z"),
            ],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="a createdAt ahead counts from its first decision",
        ),
        pytest.param(
            [
                identify(createdAt="2026-03-11T00:00Z"),
                identify("2026-03-11T06:00Z", createdAt="2026-03-11T00:00Z"),
            ],
            {"max_delay_days": 0.5, "min_interval_weeks": 0},
            "skipped: too_old",
            id="and still does when it has come",
        ),
        pytest.param(
            [
                identify(createdAt=NOON),
                identify("2026-03-10T13:00Z", createdAt="2026-03-01") | {"timestamp": "2026-03-10T11:00Z"},
            ],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="an older createdAt that comes later doesn't move it",
        ),
        pytest.param(
            [identify(), identify(createdAt=NOON)],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="a createdAt moves what was due for want of one",
        ),
        pytest.param(
            [
                identify(createdAt=NOON),
                identify(createdAt="2026-02-01"),
                identify("2026-03-11T12:00Z", email=""),
                identify("2026-03-12T12:00Z", createdAt="2026-03-10T12:00Z"),
            ],
            THREE_TO_FOURTEEN,
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="a skip never cancels a waiting invitation",
        ),
        pytest.param(
            [
                identify(createdAt="soon"),
                identify("2026-03-10T13:00Z", createdAt=NOON) | {"timestamp": "2026-03-10T11:00Z"},
            ],
            {},
            "skipped: created_at_invalid",
            id="an unreadable createdAt that is newest counts",
        ),
        pytest.param(
            [identify(createdAt="soon"), identify(createdAt="2026-03-01")],
            {},
            SCHEDULED_NOW,
            id="of two at one moment the greater message id is newest",
        ),
        pytest.param(
            [identify(createdAt="2026-03-01") | {"messageId": "z"}, identify(createdAt="soon")],
            {},
            MERGED_NOW,
            id="whatever came later",
        ),
        pytest.param(
            [identify(createdAt="2026-01-01"), identify(createdAt=None)],
            THREE_TO_FOURTEEN,
            "skipped: too_old",
            id="null erases nothing",
        ),
        pytest.param(
            [
                identify(),
                identify("2026-03-10T13:00Z", email="ann@"),
                identify("2026-03-10T14:00Z", email=None),
            ],
            ALWAYS,
            "scheduled: scheduled due 2026-03-10T14:00:00.000000Z",
            id="a malformed address doesn't replace a known one",
        ),
        pytest.param(
            [identify(email="ann@"), identify(email=None)],
            {},
            "skipped: bad_email",
            id="but is known when it is the only one",
        ),
        pytest.param(
            [event(traits={"createdAt": NOON}), identify("2026-03-10T13:00Z")],
            {"min_delay_days": 3},
            "scheduled: scheduled due 2026-03-13T12:00:00.000000Z",
            id="a skipped event has updated the profile",
        ),
        pytest.param(
            [event("2026-03-08T12:00Z", "page"), identify()],
            {"min_delay_days": 3, "on_missing_created_at": "first_seen"},
            "scheduled: scheduled due 2026-03-11T12:00:00.000000Z",
            id="any kept event counts as first seen",
        ),
        pytest.param(
            [identify("2026-03-08T12:00Z") | {"context": {"active": False}}, identify()],
            {"min_delay_days": 3, "on_missing_created_at": "first_seen"},
            "scheduled: scheduled due 2026-03-13T12:00:00.000000Z",
            id="an echo doesn't",
        ),
        pytest.param(
            [event("2026-03-10T00:00Z", "page"), identify("2026-03-10T12:00:00.000001Z")],
            {"max_delay_days": 0.5, "on_missing_created_at": "first_seen"},
            "skipped: too_old",
            id="first seen stands in for createdAt against max",
        ),
        pytest.param(
            [identify() | {"context": {"active": False}}, event("2026-03-10T13:00Z", traits={})],
            {},
            "scheduled: scheduled due 2026-03-10T13:00:00.000000Z",
            id="a foreign active: false updates the profile",
        ),
        pytest.param(
            [
                identify() | {"context": {"active": False, "library": {"name": "survey-hub"}}},
                event("2026-03-10T13:00Z", traits={}),
            ],
            {},
            "skipped: no_email",
            id="our own doesn't",
        ),
        pytest.param(
            [identify(NPS_rating=9), event("2026-03-10T13:00Z")],
            {},
            "skipped: no_email",
            id="nor do sync traits",
        ),
        pytest.param(
            [event(type="group", traits={"email": "ann@example.com"}), event()],
            {},
            "skipped: no_email",
            id="the traits of a group are not the person's",
        ),
        pytest.param(
            [
                identify(user=None, anonymous="a1", createdAt=NOON),
                event("2026-03-10T13:00Z", "page", user="u1", anonymousId="a1"),
                event("2026-03-10T14:00Z", user="u1"),
            ],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="an anonymous person joins the first user seen with them",
        ),
        pytest.param(
            [
                event(type="page", user="u1", anonymousId="a1"),
                event(type="page", user="u2", anonymousId="a1"),
                identify(user="u2", email="two@example.com"),
                event(user=None, anonymousId="a1"),
            ],
            {},
            "skipped: no_email",
            id="and stays with them",
        ),
        pytest.param(
            [identify(user="7"), identify("2026-03-10T13:00Z", user=7.0, email=None)],
            {},
            "skipped: throttled again 2026-09-08T12:00:00.000000Z",
            id="a number is its text",
        ),
        pytest.param(
            [identify(user="x"), event(user=None, anonymousId="x")],
            {},
            "skipped: no_email",
            id="user ids and anonymous ids are separate",
        ),
        pytest.param(
            [
                identify(user="u1", createdAt=NOON),
                identify(user=None, anonymous="a1", email="bob@example.com", createdAt="2026-03-09T12:00Z"),
                event("2026-03-10T13:00Z", user="u1", anonymousId="a1"),
                event("2026-03-12T12:00:00.000001Z", user="u1"),
            ],
            {"min_delay_days": 3, "min_interval_weeks": 0},
            "scheduled: scheduled due 2026-03-12T12:00:00.000001Z",
            id="of two waiting invitations the earlier survives a join",
        ),
        pytest.param(
            [
                identify(createdAt="2026-03-11T00:00Z"),
                identify("2026-03-10T18:00Z", user=None, anonymous="a1", createdAt="2026-03-11T00:00Z"),
                identify("2026-03-11T06:00Z", anonymous="a1"),
            ],
            {"max_delay_days": 0.5, "min_interval_weeks": 0},
            "skipped: too_old",
            id="a createdAt ahead counts from the first decision of either of two who join",
        ),
        pytest.param(
            [
                event("2026-03-08T12:00Z", "page", user=None, anonymousId="a1"),
                event("2026-03-09T12:00Z", "page"),
                identify(anonymous="a1"),
            ],
            {"min_delay_days": 3, "on_missing_created_at": "first_seen"},
            "scheduled: scheduled due 2026-03-11T12:00:00.000000Z",
            id="of two who join the earliest first seen counts",
        ),
        pytest.param(
            [
                identify(createdAt=NOON),
                identify("2026-03-10T13:00Z", createdAt="2026-03-09T12:00Z") | {"context": {"active": False}},
                identify("2026-03-10T14:00Z", createdAt=NOON) | {"timestamp": "2026-03-10T12:30:00Z"},
            ],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="an event that repeats the createdAt which set the due time leaves it",
        ),
        pytest.param(
            [
                identify(createdAt=NOON),
                identify("2026-03-10T13:00Z", createdAt="2026-03-09T12:00Z") | {"context": {"active": False}},
                identify("2026-03-10T14:00Z", createdAt="2026-03-08T12:00Z") | {"timestamp": "2026-03-10T12:30:00Z"},
            ],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-12T12:00:00.000000Z",
            id="the due time moves to the createdAt of the merged profile",
        ),
        pytest.param(
            [identify(), event("2026-03-10T13:00Z", "delete"), identify("2026-03-10T14:00Z")],
            {},
            "skipped: suppressed",
            id="whom a delete names is never asked again",
        ),
        pytest.param(
            [identify(), event("2026-03-10T13:00Z", "delete"), identify("2026-03-10T14:00Z", user="u2")],
            {},
            "skipped: suppressed",
            id="nor is their mailbox",
        ),
        pytest.param(
            [
                identify(createdAt=NOON),
                identify("2026-03-10T13:00Z", createdAt="2026-03-09T12:00Z") | {"context": {"active": False}},
                identify("2026-03-10T14:00Z"),
            ],
            {"min_delay_days": 3},
            "merged: already_scheduled due 2026-03-13T12:00:00.000000Z",
            id="but only for an event that brings a createdAt",
        ),
        pytest.param(
            [identify(), identify("2026-03-10T23:59:59.999999Z")],
            ALWAYS | {"quiet_period_hours": 12},
            "skipped: quiet_period",
            id="the quiet period lasts to its last microsecond",
        ),
        pytest.param(
            [identify(), identify("2026-03-11T00:00:00Z")],
            ALWAYS | {"quiet_period_hours": 12},
            "scheduled: scheduled due 2026-03-11T00:00:00.000000Z",
            id="and no longer",
        ),
        pytest.param(
            [identify(), identify("2026-03-10T23:59:59Z", user="u2", email="two@example.com")],
            {"daily_limit": 1},
            "skipped: quota",
            id="the daily limit counts the UTC day",
        ),
        pytest.param(
            [identify(), identify("2026-03-11T00:00:00Z", user="u2", email="two@example.com")],
            {"daily_limit": 1},
            "scheduled: scheduled due 2026-03-11T00:00:00.000000Z",
            id="and starts anew at midnight",
        ),
        pytest.param(
            [
                identify(createdAt="2026-03-07T12:00Z", user="u2", email="two@example.com"),
                identify(createdAt="2026-03-09T12:00Z"),
                identify(createdAt="2026-03-09T18:00Z", user="u3", email="three@example.com"),
            ],
            {"min_delay_days": 3, "daily_limit": 1},
            "skipped: quota",
            id="by the day of the due time",
        ),
        pytest.param(
            [
                identify("2026-03-10T12:00:00Z"),
                identify("2026-03-09T12:00:00Z", user="u2", email="b@example.com"),
            ],
            {},
            SCHEDULED_NOW,
            id="the clock never runs backwards",
        ),
    ],
)
def test_the_last_event_of_a_story_is_decided(events: list[Event], settings: dict[str, Any], last: str) -> None:
    assert said_by(events, settings)[-1] == last


def test_a_line_names_its_event_and_leaves_out_nothing() -> None:
    assert replay([identify() | {"messageId": "m1"}, event(user=None)], {}) == [
        {
            "message_id": "m1",
            "outcome": "scheduled",
            "reason": "scheduled",
            "due_at": "2026-03-10T12:00:00.000000Z",
            "eligible_again_at": None,
        },
        {
            "message_id": None,
            "outcome": "rejected",
            "reason": "no_identity",
            "due_at": None,
            "eligible_again_at": None,
        },
    ]
