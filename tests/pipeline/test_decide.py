"""From stored bodies to decisions, each event once, whatever breaks on the way."""

from __future__ import annotations

import json
import math
import time
from threading import Timer

import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.admin.mails import queue
from hub.mail.addresses import check_address
from hub.pipeline import decide, decisions
from hub.store import changes, intake, tables, tallies, worlds
from hub.store.configuration import Role
from hub.store.engine import Stale
from tests.clock import NOW, days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines

BROKEN = '[sources.product]\nkind = "fake"\n[sources.other]\nkind = "fake"\n'
TWO_SOURCES = BROKEN + SETUP.replace('[sources.product]\nkind = "fake"\n', "").replace(
    '["product"]', '["product", "other"]'
)


def test_customer_is_scheduled_and_the_body_is_gone(lab):
    [decision] = lab.decide(identify())
    [invitation] = lab.invitations()
    assert (decision.outcome, decision.reason, decision.due_at) == ("scheduled", "scheduled", NOW)
    assert decision.invitation_id == invitation.id
    assert intake.waiting(lab.hub.store) == (0, None)


@pytest.mark.parametrize(
    ("settings", "event", "reason"),
    [
        ({"enabled": False}, identify(), "survey_paused"),
        ({}, {"user_id": "u1", "traits": {}}, "no_email"),
        ({}, {"user_id": "u1", "traits": {"email": ""}}, "bad_email"),
        ({}, {"user_id": "u1", "traits": {"email": "not an address"}}, "bad_email"),
        ({}, {"user_id": "u1", "traits": {"email": 7}}, "bad_email"),
        ({}, {**identify(), "timestamp": (NOW - days(2) - seconds(1)).isoformat()}, "stale_event"),
        ({}, {**identify(), "timestamp": (NOW - days(2)).isoformat()}, "scheduled"),
        ({"max_event_age_hours": 0}, {**identify(), "timestamp": (NOW - days(900)).isoformat()}, "scheduled"),
        ({}, identify(createdAt="yesterday"), "created_at_invalid"),
        ({}, identify(createdAt=""), "created_at_invalid"),
        ({}, identify(createdAt=True), "created_at_invalid"),
        ({}, identify(createdAt=(NOW + days(1) + seconds(1)).isoformat()), "created_at_future"),
        ({}, identify(createdAt=(NOW + days(1)).isoformat()), "scheduled"),
        ({"on_missing_created_at": "skip"}, identify(), "no_created_at"),
        ({"on_missing_created_at": "skip"}, identify(createdAt=None), "no_created_at"),
        ({"max_delay_days": 14}, identify(createdAt=(NOW - days(14)).isoformat()), "scheduled"),
        ({"max_delay_days": 14}, identify(createdAt=(NOW - days(14) - seconds(1e-6)).isoformat()), "too_old"),
        ({"holdout_percent": 100}, identify(), "holdout"),
    ],
)
def test_reason_of_a_first_event(lab, settings, event, reason):
    lab.set(**settings)
    lab.decide(event)
    assert lab.reasons() == [reason]
    assert len(lab.invitations()) == (reason == "scheduled")


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        ({"type": "track", "user_id": "u1"}, ("ignored", "not_a_trigger")),
        ({**identify(), "echo": True}, ("ignored", "echo")),
        ({**identify(), "active": False}, ("ignored", "echo")),
        ({"traits": {"email": "a@acme.example"}}, ("rejected", "no_identity")),
        ({"user_id": "", "anonymous_id": ""}, ("rejected", "no_identity")),
        ({"user_id": True}, ("rejected", "no_identity")),
        ({"user_id": "a\x00b"}, ("rejected", "unreadable")),
        ({"user_id": "a\ud800"}, ("rejected", "unreadable")),
        ({"unreadable": "nonsense"}, ("rejected", "unreadable")),
        ({"user_id": 0, "traits": {"email": "a@acme.example"}}, ("decided", None)),
    ],
)
def test_outcome_of_an_event(lab, event, outcome):
    lab.decide(event)
    assert list(lab.events().values()) == [outcome]


def test_event_of_a_source_without_a_survey_updates_the_profile(lab):
    lab.configure(TWO_SOURCES.replace('["product", "other"]', '["other"]') + survey_lines())
    lab.decide(identify())
    assert list(lab.events().values()) == [("ignored", "no_survey")]
    assert lab.rows(tables.person)[0].mailbox == "u1@acme.example"


def test_throttled_names_the_moment_from_which_a_person_may_be_asked(lab):
    lab.decide(identify())
    lab.deliver()
    lab.clock.advance(days(182) - seconds(1e-6))
    decision = lab.decide(identify())[-1]
    assert (decision.reason, decision.eligible_again_at) == ("throttled", NOW + days(182))
    lab.clock.advance(seconds(1e-6))
    assert lab.decide(identify())[-1].reason == "scheduled"


def test_daily_limit_counts_the_day_of_the_due_time(lab):
    lab.set(daily_limit=2)
    lab.decide(*[identify(f"u{number}") for number in range(4)])
    assert lab.reasons() == ["scheduled", "scheduled", "quota", "quota"]
    lab.clock.advance(days(1))
    lab.decide(identify("u9"))
    assert lab.reasons()[-1] == "scheduled"


def test_duplicates_within_and_across_bodies_have_one_row(lab):
    event = {**identify(), "message_id": "m7"}
    lab.decide(event, event)
    lab.decide(event)
    assert lab.events() == {"m7": ("decided", None)}
    assert lab.reasons() == ["scheduled"]


def test_event_without_a_message_id_is_known_again_the_same_day(lab):
    body = json.dumps([{"user_id": "u1", "traits": {}}]).encode()
    for _ in range(2):
        lab.receive_body(body)
        lab.decide()
    assert len(lab.rows(tables.event)) == 1


def test_crash_between_the_decision_and_the_removal_of_the_body_is_harmless(lab):
    lab.receive(identify())
    [body] = intake.first(lab.hub.store, sources=[lab.id_of(Role.SOURCE, "product")], limit=9, max_bytes=9)
    lab.decide()
    intake.append(lab.hub.store, [body])
    lab.decide()
    assert lab.reasons() == ["scheduled"]
    assert intake.waiting(lab.hub.store) == (0, None)


def test_body_that_killed_three_workers_is_set_aside_and_the_others_go_on(lab):
    lab.receive(identify("u1"))
    source_id = lab.id_of(Role.SOURCE, "product")
    for _ in range(3):
        [body] = intake.first(lab.hub.store, sources=[source_id], limit=9, max_bytes=9)
        intake.begin_work(lab.hub.store, [body.id])
    lab.decide(identify("u2"))
    assert sorted(lab.events().values()) == [("decided", None), ("rejected", "poison")]
    assert lab.reasons() == ["scheduled"]


def test_two_deaths_are_forgiven(lab):
    lab.receive(identify())
    intake.begin_work(lab.hub.store, [1])
    intake.begin_work(lab.hub.store, [1])
    lab.decide()
    assert lab.reasons() == ["scheduled"]


def test_error_that_is_no_fault_of_the_body_is_no_death(lab):
    lab.receive(identify())
    with lab.hub.store.write() as connection:
        tables.decision.drop(connection)
    with pytest.raises(Exception, match="decision"):
        decide.drain(lab.hub, until=time.monotonic() + 60)
    [body] = intake.first(lab.hub.store, sources=[lab.id_of(Role.SOURCE, "product")], limit=9, max_bytes=9)
    assert body.deaths == 0


def test_body_in_hand_when_the_database_goes_away_for_a_moment_is_no_death(lab):
    lab.receive(identify())
    with lab.hub.store.write() as connection:
        tables.decision.drop(connection)
    change(lab.hub.store.intake, NO_DEATH_IS_TAKEN_BACK)
    back = Timer(0.5, change, [lab.hub.store.intake, BACK_AGAIN])
    back.start()
    with pytest.raises(Exception, match="decision"):
        decide.drain(lab.hub, until=time.monotonic() + 60)
    back.join()
    [body] = intake.first(lab.hub.store, sources=[lab.id_of(Role.SOURCE, "product")], limit=9, max_bytes=9)
    assert body.deaths == 0


NO_DEATH_IS_TAKEN_BACK = {
    "sqlite": [
        "CREATE TRIGGER away BEFORE UPDATE ON body WHEN NEW.deaths < OLD.deaths BEGIN SELECT RAISE(ABORT, 'away'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$away$$; END'",
        "CREATE TRIGGER away BEFORE UPDATE ON body FOR EACH ROW WHEN (NEW.deaths < OLD.deaths) EXECUTE FUNCTION away()",
    ],
}
BACK_AGAIN = {"sqlite": ["DROP TRIGGER away"], "postgresql": ["DROP TRIGGER away ON body"]}


def change(engine, statements):
    """Change a database behind the hub's back."""
    with engine.begin() as connection:
        for statement in statements[connection.dialect.name]:
            connection.exec_driver_sql(statement)


def test_event_tried_with_care_when_the_database_goes_away_for_a_moment_is_no_poison(lab):
    lab.receive(identify())
    intake.begin_work(lab.hub.store, [1])
    intake.begin_work(lab.hub.store, [1])
    change(lab.hub.store.hub, NO_MARK_IS_TAKEN_BACK)
    back = Timer(0.5, change, [lab.hub.store.hub, MARKS_ARE_TAKEN_BACK])
    back.start()
    with pytest.raises(SQLAlchemyError):
        decide.drain(lab.hub, until=time.monotonic() + 60)
    back.join()
    lab.decide()
    assert lab.events() == {"m1": ("decided", None)}
    with lab.hub.store.read() as connection:
        assert tallies.read(connection).get(("event", "rejected", "poison"), 0) == 0


NO_MARK_IS_TAKEN_BACK = {
    "sqlite": ["CREATE TRIGGER away BEFORE DELETE ON event BEGIN INSERT INTO nowhere VALUES (1); END"],
    "postgresql": [
        "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$away$$; END'",
        "CREATE TRIGGER away BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION away()",
    ],
}
MARKS_ARE_TAKEN_BACK = {"sqlite": ["DROP TRIGGER away"], "postgresql": ["DROP TRIGGER away ON event"]}


def test_bodies_of_a_missing_plugin_wait_while_others_go_on(lab):
    lab.configure(TWO_SOURCES + survey_lines())
    lab.receive(identify("u1"), source="other")
    lab.hub.registry.plugins.kinds.pop((Role.TARGET, "fake"))
    other = lab.id_of(Role.SOURCE, "other")
    with lab.hub.store.write() as connection:
        table = tables.connection
        connection.execute(table.update().where(table.c.id == other).values(kind="gone"))
        connection.execute(tables.setting.update().where(tables.setting.c.name == "revision").values(value=999))
    lab.decide(identify("u2"))
    assert lab.reasons() == ["scheduled"]
    assert intake.waiting(lab.hub.store) == (1, NOW)


def test_bug_in_a_source_keeps_the_events_before_it_and_rejects_the_rest(lab):
    lab.decide(identify(), {"raise": "a bug"})
    assert sorted(lab.events().values()) == [("decided", None), ("rejected", "unreadable")]


class Strange:
    """Something that has no JSON form."""


@pytest.mark.parametrize(
    "event",
    [
        {"user_id": "".join(chr(0x4E00 + number % 20_000) for number in range(9_000))},
        {"anonymous_id": "".join(chr(0x4E00 + number % 20_000) for number in range(9_000))},
        {"user_id": "u1", "message_id": "".join(chr(0x4E00 + number) for number in range(9_000))},
        {"user_id": "u1", "type": "".join(chr(0x4E00 + number) for number in range(9_000))},
        {"user_id": "u1", "locale": 7},
        {"user_id": "u1", "traits": {"n": float("nan"), "deep": [[[{}]]], "": None, "\x00": "\ud800"}},
        {"user_id": "u1", "traits": {"email": "a" * 9_000 + "@acme.example"}},
    ],
)
def test_odd_event_never_stops_those_of_others(lab, event):
    lab.receive(event)
    lab.decide(identify("u2"))
    assert "scheduled" in lab.reasons()
    assert len(lab.rows(tables.event)) == 2


def test_trait_without_a_json_form_never_stops_other_events(lab, monkeypatch):
    source = type(lab.hub.registry.current().source(lab.id_of(Role.SOURCE, "product")))
    read = source.read

    def read_strangely(self, stored):
        for event in read(self, stored):
            if event.user_id == "u1":
                event.traits["strange"] = Strange()
            yield event

    monkeypatch.setattr(source, "read", read_strangely)
    lab.decide(identify("u1"), identify("u2"))
    assert sorted(lab.events().values()) == [("decided", None), ("rejected", "unreadable")]


def test_profile_is_merged_by_time_across_bodies(lab):
    lab.decide({**identify(firstName="New"), "timestamp": NOW.isoformat()})
    older = (NOW - days(1)).isoformat()
    lab.decide({**identify(firstName="Old", plan="free"), "timestamp": older})
    [person] = lab.rows(tables.person)
    assert {name: trait[0] for name, trait in person.profile.items()} == {
        "email": "u1@acme.example",
        "firstName": "New",
        "plan": "free",
    }


@pytest.mark.parametrize("odd", ["half an emoji \ud83d", math.nan, 10**30, {"\x00": [None]}])
def test_odd_traits_are_read_again_as_they_were_kept(lab, odd):
    lab.decide(identify(odd=odd, createdAt="yesterday"))
    lab.decide(identify(plan="pro"))
    [person] = lab.rows(tables.person)
    assert json.dumps(person.profile["odd"][0]) == json.dumps(odd)
    assert lab.reasons() == ["created_at_invalid", "created_at_invalid"]


def test_known_address_outlives_a_malformed_one(lab):
    lab.decide(identify())
    lab.decide({"user_id": "u1", "traits": {"email": "oops"}})
    assert lab.reasons() == ["scheduled", "bad_email"]
    assert lab.rows(tables.person)[0].mailbox == "u1@acme.example"


def test_joining_points_everything_at_the_one_person(lab):
    lab.decide({"anonymous_id": "a1", "traits": {"email": "a@acme.example"}})
    lab.clock.advance(seconds(1))
    lab.decide(identify("u1"))
    lab.decide({"user_id": "u1", "anonymous_id": "a1", "traits": {}})
    [person] = lab.rows(tables.person)
    assert {row.person_id for row in lab.rows(tables.identity)} == {person.id}
    assert {row.person_id for row in lab.rows(tables.event)} == {person.id}
    assert {row.person_id for row in lab.invitations()} == {person.id}
    assert [(row.state, row.reason) for row in lab.invitations()] == [
        ("scheduled", None),
        ("cancelled", "already_scheduled"),
    ]
    assert person.first_seen_at == NOW


def test_two_user_ids_never_merge(lab):
    lab.decide(
        {"user_id": "u1", "anonymous_id": "a1", "traits": {}}, {"user_id": "u2", "anonymous_id": "a1", "traits": {}}
    )
    assert len(lab.rows(tables.person)) == 2


def test_other_readable_created_at_moves_a_waiting_invitation(lab):
    lab.set(min_delay_days=3)
    lab.decide(identify(createdAt=NOW.isoformat()))
    lab.decide(identify(createdAt=(NOW - days(1)).isoformat()))
    lab.decide(identify(createdAt="soon"))
    lab.decide(identify(plan="gold"))
    assert [row.due_at for row in lab.invitations()] == [NOW + days(2)]
    assert [row.reason for row in lab.decisions()] == [
        "scheduled",
        "already_scheduled",
        "created_at_invalid",
        "created_at_invalid",
    ]


def test_retry_keeps_its_time_until_the_due_time_moves(lab):
    lab.set(min_delay_days=3)
    lab.decide(identify(createdAt=NOW.isoformat()))
    retry_at = NOW + days(3) + seconds(60)
    lab.change(tables.invitation, state="queued", next_attempt_at=retry_at)
    lab.decide(identify(email="new@acme.example", createdAt=NOW.isoformat()))
    assert [(row.mailbox, row.next_attempt_at) for row in lab.invitations()] == [("new@acme.example", retry_at)]
    lab.decide(identify(createdAt=(NOW - days(1)).isoformat()))
    [moved] = lab.invitations()
    assert (moved.due_at, moved.next_attempt_at, moved.revision) == (NOW + days(2), NOW + days(2), 2)


def test_invitation_that_changed_meanwhile_is_not_written_over(lab):
    lab.decide(identify("u1"), identify("u2"))
    with lab.hub.store.read() as connection:
        world = worlds.new_world(connection, check_address, NOW)
        named = {row.person_id for row in lab.invitations()}
        worlds.load(connection, world, ids=named, surveys=lab.hub.registry.current().rules, now=NOW)
    for id in named:
        [waiting] = world.invitations(id, "")
        world.move(waiting, NOW + days(9), NOW, opens_at=NOW + days(9), brake=False)
    assert set(world.changed) == {row.id for row in lab.invitations()}
    table = tables.invitation
    with lab.hub.store.write() as connection:
        connection.execute(table.update().where(table.c.id == waiting.id).values(state="claimed", revision=1))
    with pytest.raises(Stale), lab.hub.store.write() as connection:
        changes.save(connection, world, now=NOW)
    assert {row.due_at for row in lab.invitations()} == {NOW}


def test_surge_is_held_beyond_500_in_an_hour(lab: Lab):
    lab.set(surge_brake=True)
    lab.decide(*[identify(f"u{number}") for number in range(503)])
    states = lab.states()
    assert (states.count("scheduled"), states.count("held")) == (500, 3)


def test_event_that_cannot_be_decided_is_set_aside_and_those_beside_it_are_not(lab, monkeypatch):
    honest = decisions.decide

    def stumble(world, event, surveys, now):
        if event.user.value == "odd":
            raise RuntimeError("a bug")
        return honest(world, event, surveys, now)

    monkeypatch.setattr(decisions, "decide", stumble)
    lab.decide(identify("u1"), identify("odd"), identify("u2"))
    assert lab.events() == {"m1": ("decided", None), "m2": ("rejected", "poison"), "m3": ("decided", None)}


def test_database_that_is_busy_is_nobodys_fault(lab, monkeypatch):
    def busy(*_):
        raise PoolTimeout("no connection")

    with monkeypatch.context() as patched:
        patched.setattr(lab.hub.store, "prepare_and_write", busy)
        with pytest.raises(PoolTimeout):
            lab.decide(identify("u1"), identify("u2"))
    lab.decide()
    assert lab.events() == {"m1": ("decided", None), "m2": ("decided", None)}


def test_released_invitation_is_not_held_again_when_its_due_time_moves(lab: Lab):
    lab.set(surge_brake=True, min_delay_days=1)
    lab.decide(*[identify(f"u{number}", createdAt=NOW.isoformat()) for number in range(501)])
    queue.release(lab.hub, "onboarding")
    held = next(row for row in lab.invitations() if row.late_from is not None)
    user = next(row.value for row in lab.rows(tables.identity) if row.person_id == held.person_id)
    lab.decide(identify(user, createdAt=(NOW + seconds(1)).isoformat()))
    assert "held" not in lab.states()


def test_language_follows_the_newest_event_and_not_the_last_to_arrive(lab):
    lab.decide({**identify(), "locale": "de"})
    lab.decide({**identify(), "locale": "fr", "timestamp": (NOW - seconds(60)).isoformat()})
    assert [row.locale for row in lab.rows(tables.person)] == ["de"]
