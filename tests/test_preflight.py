"""Before a survey is switched on, what it lacks is found, said in a sentence, and said what to do about."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from hub.admin import audit
from hub.admin.operations import trials
from hub.admin.rehearsing.event_findings import lasting
from hub.admin.rehearsing.finding import Finding, State
from hub.admin.rehearsing.readiness import Preflight, preflight
from hub.config import ConfigError, Settings
from hub.plugin import ChannelPaused
from hub.store import tables
from hub.store.configuration import Role, raise_revision
from tests.clock import NOW, days
from tests.lab import Lab, identify


def about(found: Preflight, name: str) -> Finding:
    """Return the finding about something."""
    return next(one for one in found.findings if one.about == name)


def states(found: Preflight) -> dict[str, str]:
    return {one.about: str(one.state) for one in found.findings}


def usual(user: str, **traits: Any) -> dict[str, Any]:
    return identify(user, createdAt=NOW.isoformat(), **traits)


def test_survey_with_good_events_is_ready(lab: Lab) -> None:
    lab.set(enabled=False)
    lab.decide(*(usual(f"u{number}") for number in range(10)))
    lab.clock.advance(days(8))
    for role, name in ((Role.CHANNEL, "relay"), (Role.TARGET, "crm")):
        trials.check(lab.hub, role, name)
    found = preflight(lab.hub, "onboarding")
    assert found.is_ready
    assert set(states(found).values()) == {"ok"}
    assert all(not one.advice for one in found.findings)
    assert about(found, "mails").sentence == (
        "Events like those of the last 8 days would lead to 10 mails in the first day and 10 in the first week."
    )
    assert about(found, "events").sentence == "10 identify events that could start it came since 11 Mar."


def test_survey_that_heard_of_nobody_may_go_on_and_says_so(lab: Lab) -> None:
    found = preflight(lab.hub, "onboarding")
    assert found.is_ready
    assert about(found, "events").state is State.ATTENTION
    assert "Send one identify event from your product" in about(found, "events").advice


def test_survey_whose_events_are_still_to_come_may_go_on_and_says_so(lab: Lab) -> None:
    lab.decide({**identify("u1"), "type": "page"}, {**identify("u2"), "active": False})
    for settings, wanted in (({}, "identify events"), ({"trigger_event": "Paid"}, "“Paid” events")):
        found = preflight(lab.hub, "onboarding", settings)
        assert about(found, "events").sentence == "2 events came since 11 Mar, but none that starts the survey."
        assert f"It asks nobody until one comes: send {wanted}" in about(found, "events").advice
        assert about(found, "events").state is State.ATTENTION
        assert found.is_ready


def test_events_by_name_are_looked_for_where_one_starts_it(lab: Lab) -> None:
    lab.decide(usual("u1"), {"type": "track", "name": "Paid", "user_id": "u1"})
    found = preflight(lab.hub, "onboarding", {"trigger_event": "Paid"})
    assert about(found, "events").sentence == "1 “Paid” event that could start it came since 11 Mar."
    assert about(found, "email").sentence.startswith("100 %")


def test_connections_that_lack_are_named(lab: Lab) -> None:
    found = preflight(lab.hub, "onboarding", {"sources": [], "channels": [], "targets": []})
    assert {name: states(found)[name] for name in ("sources", "channels", "targets")} == {
        "sources": "missing",
        "channels": "missing",
        "targets": "attention",
    }


def test_connection_is_called_fine_only_once_it_was_seen_to_work(lab: Lab) -> None:
    def said() -> list[tuple[str, str]]:
        found = preflight(lab.hub, "onboarding").findings
        return [(str(one.state), one.sentence) for one in found if one.about in ("sources", "channels")]

    assert said() == [
        ("unchecked", "The source product is connected; nobody has checked it yet."),
        ("unchecked", "The channel relay is connected; nobody has checked it yet."),
    ]
    trials.check(lab.hub, Role.CHANNEL, "relay")
    assert said()[1] == ("ok", "The channel relay is connected; its check on 11 Mar 2026 passed.")
    lab.decide(usual("u1"))
    lab.deliver()
    assert said() == [
        ("ok", "The source product is connected, and events come from it."),
        ("ok", "The channel relay is connected, and its mails go out by it."),
    ]


def test_connection_whose_last_check_failed_is_worth_a_look(lab: Lab) -> None:
    audit.note_alone(lab.hub, audit.Action.CONNECTION_CHECKED, "targets.crm", ok=False, edited=False)
    found = about(preflight(lab.hub, "onboarding"), "targets")
    assert (found.state, found.name) == (State.ATTENTION, "crm")
    assert found.sentence == "The target crm is connected, but its last check, on 11 Mar 2026, failed."


def test_paused_channel_is_worth_a_look(lab: Lab) -> None:
    def refuse(message: Any, point_of_no_return: Any) -> None:
        raise ChannelPaused("The login was refused.")

    lab.office.behaviour["relay"] = refuse
    lab.decide(usual("u1"))
    lab.deliver()
    found = about(preflight(lab.hub, "onboarding"), "channels")
    assert (found.state, found.sentence) == (State.ATTENTION, "channels.relay is paused: The login was refused.")


def test_survey_whose_only_channel_is_broken_is_not_ready(lab: Lab) -> None:
    lab.decide(usual("u1"))
    lab.change(tables.connection, kind="gone")
    with lab.hub.store.write() as connection:
        raise_revision(connection)
    found = preflight(lab.hub, "onboarding")
    assert about(found, "channels").state is State.MISSING
    assert "channels.relay does not work: no installed plugin offers" in about(found, "channels").sentence
    assert about(found, "targets").state is State.ATTENTION


def test_links_that_customers_cannot_open_are_worth_a_look(lab: Lab) -> None:
    hub = dataclasses.replace(lab.hub, settings=dataclasses.replace(lab.hub.settings, base_url=Settings.base_url))
    found = about(preflight(hub, "onboarding"), "links")
    assert found.state is State.ATTENTION
    assert f"{found.sentence} {found.advice}".count("HUB_BASE_URL") == 1


@pytest.mark.parametrize(
    ("good", "state", "words"),
    [(9, State.OK, "90 %"), (5, State.ATTENTION, "50 %"), (0, State.MISSING, "0 %")],
)
def test_share_with_a_usable_address_is_told(good: int, state: State, words: str, lab: Lab) -> None:
    lab.decide(*(usual(f"u{n}", email=f"u{n}@acme.example" if n < good else "none") for n in range(10)))
    found = about(preflight(lab.hub, "onboarding"), "email")
    assert (found.state, found.sentence.partition(" of")[0]) == (state, words)


def test_address_that_is_known_from_before_counts(lab: Lab) -> None:
    lab.decide(usual("u1"), {"user_id": "u1", "traits": {}})
    assert about(preflight(lab.hub, "onboarding"), "email").sentence.startswith("100 %")


def test_unreadable_created_at_is_shown(lab: Lab) -> None:
    lab.decide(usual("u1"), identify("u2", createdAt="last week"), identify("u3"))
    found = about(preflight(lab.hub, "onboarding"), "created_at")
    assert found.state is State.ATTENTION
    assert found.sentence == (
        "33 % of these events are about somebody with a readable createdAt. 1 have one that cannot be read, such as "
        "'last week'; these are not asked. 1 have none and are asked at once."
    )


def test_missing_created_at_does_not_matter_without_delays(lab: Lab) -> None:
    lab.decide(identify("u1"))
    assert about(preflight(lab.hub, "onboarding"), "created_at").state is State.OK
    assert about(preflight(lab.hub, "onboarding", {"min_delay_days": 3}), "created_at").state is State.ATTENTION


def test_people_known_by_anonymous_ids_alone_are_counted(lab: Lab) -> None:
    lab.decide(usual("u1"), {"anonymous_id": "a1", "traits": {"email": "a1@acme.example"}})
    found = about(preflight(lab.hub, "onboarding"), "ids")
    assert found.state is State.ATTENTION
    assert found.sentence == "50 % of these events carry a userId; 1 carry an anonymousId alone."


def test_events_that_come_late_are_counted(lab: Lab) -> None:
    old = {"timestamp": (NOW - days(3)).isoformat()}
    lab.decide(usual("u1"), {**usual("u2"), **old}, {**usual("u3"), **old})
    found = about(preflight(lab.hub, "onboarding"), "age")
    assert found.state is State.ATTENTION
    assert found.sentence == (
        "Half of these events arrive within 3 days of their time. 2 came more than 48 hours late and start nothing."
    )


def test_copies_and_rejected_events_are_counted(lab: Lab) -> None:
    lab.decide(usual("u1"))
    for _ in range(3):
        lab.decide({**usual("u1"), "message_id": "m1"}, {"traits": {}}, {"unreadable": "for a test"})
    found = preflight(lab.hub, "onboarding")
    assert about(found, "duplicates").sentence == "30 % of all events this hub ever got were copies, which it drops."
    assert about(found, "rejected").sentence == "6 events could not be used, 3 of them for want of any id."
    assert {states(found)[name] for name in ("duplicates", "rejected")} == {"attention"}


def test_surge_and_a_survey_that_would_ask_nobody_are_worth_a_look(lab: Lab) -> None:
    lab.decide(*(usual(f"u{number}") for number in range(510)))
    surge = preflight(lab.hub, "onboarding", {"surge_brake": True})
    assert about(surge, "surge").sentence == "The surge brake would hold 10 more mails until you release them."
    nobody = preflight(lab.hub, "onboarding", {"holdout_percent": 100})
    assert about(nobody, "mails").state is State.ATTENTION
    assert nobody.is_ready


def test_wrong_settings_are_refused(lab: Lab) -> None:
    with pytest.raises(ConfigError, match=r"surveys\.onboarding\.daily_limit"):
        preflight(lab.hub, "onboarding", {"daily_limit": "many"})


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(milliseconds=3), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(minutes=90), "2 hours"),
        (timedelta(days=8.4), "8 days"),
    ],
)
def test_lengths_of_time_are_rounded(length: timedelta, words: str) -> None:
    assert lasting(length) == words
