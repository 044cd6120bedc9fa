"""What a person can do with one invitation, in which states."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from hub.admin.mails.invitations import Action
from hub.domain.states import MOVES, State
from hub.plugin import Unknown
from hub.store import tables
from tests.api.client import Api
from tests.lab import Lab, identify

LEADS_TO = {
    ("scheduled", "hold"): "held",
    ("scheduled", "cancel"): "cancelled",
    ("scheduled", "send-now"): "scheduled",
    ("held", "release"): "scheduled",
    ("held", "cancel"): "cancelled",
    ("held", "send-now"): "scheduled",
    ("queued", "cancel"): "cancelled",
    ("queued", "send-now"): "queued",
    ("unknown", "arrived"): "sent",
    ("unknown", "never-left"): "cancelled",
}


@pytest.fixture
def invitation(lab: Lab) -> str:
    """The id of one that is due in a day."""
    lab.set(min_delay_days=1)
    lab.decide(identify(createdAt=lab.clock.moment.isoformat()))
    return str(lab.invitations()[0].id)


def test_every_action_in_every_state_does_what_the_table_says(lab: Lab, api: Api, invitation: str) -> None:
    for state, action in itertools.product(State, Action):
        lab.change(tables.invitation, state=state, reason=None)
        answer = api("POST", f"/invitations/{invitation}/{action}")
        expected = LEADS_TO.get((state, action))
        assert answer.status_code == (200 if expected else 409), (state, action, answer.text)
        assert lab.states() == [expected or state], (state, action)
        if expected and expected != state:
            assert State(expected) in MOVES[state]


@pytest.mark.parametrize("state", ["claimed", "sending"])
def test_one_in_hand_is_left_alone_with_a_sentence(lab: Lab, api: Api, invitation: str, state: str) -> None:
    lab.change(tables.invitation, state=state)
    answer = api("POST", f"/invitations/{invitation}/cancel")
    assert answer.json["message"] == (
        f"The invitation is {state}: a worker has it in hand right now; wait for the outcome"
    )


def test_held_stays_until_it_is_released_and_then_leaves_at_once(lab: Lab, api: Api, invitation: str) -> None:
    api("POST", f"/invitations/{invitation}/hold")
    lab.clock.advance(timedelta(days=30))
    assert lab.deliver() == 0
    released = api("POST", f"/invitations/{invitation}/release").json
    assert released["due_at"] == "2026-04-10T09:30:00Z"
    assert lab.deliver() == 1


def test_released_is_checked_again(lab: Lab, api: Api, invitation: str) -> None:
    api("POST", f"/invitations/{invitation}/hold")
    api("POST", "/suppressions", body={"email": "u1@acme.example", "reason": "unsubscribed"})
    api("POST", f"/invitations/{invitation}/release")
    assert lab.deliver() == 0
    shown = api.get(f"/invitations/{invitation}")
    assert (shown["state"], shown["reason"]) == ("cancelled", "suppressed")


def test_send_now_does_not_wait_for_the_due_time(lab: Lab, api: Api, invitation: str) -> None:
    assert lab.deliver() == 0
    api("POST", f"/invitations/{invitation}/send-now")
    assert lab.deliver() == 1


def test_send_now_tries_a_queued_one_again_at_once(lab: Lab, api: Api, invitation: str) -> None:
    lab.change(tables.invitation, state="queued", next_attempt_at=lab.clock.moment + timedelta(hours=2), tried=["x"])
    api("POST", f"/invitations/{invitation}/send-now")
    assert lab.deliver() == 1


def in_doubt(lab: Lab, api: Api, invitation: str) -> None:
    """Bring the invitation to `unknown` by a channel that lost its connection."""
    lab.office.behaviour["relay"] = lambda message, depart: depart() or Unknown(why="the connection broke")
    api("POST", f"/invitations/{invitation}/send-now")
    lab.deliver()
    assert lab.states() == ["unknown"]


def test_mail_that_arrived_after_all_counts_as_sent(lab: Lab, api: Api, invitation: str) -> None:
    in_doubt(lab, api, invitation)
    assert api("POST", f"/invitations/{invitation}/arrived").json["state"] == "sent"
    assert lab.decide(identify())[-1].reason == "throttled"


def test_mail_that_never_left_does_not_count_and_is_not_sent_again(lab: Lab, api: Api, invitation: str) -> None:
    in_doubt(lab, api, invitation)
    assert api("POST", f"/invitations/{invitation}/never-left").json["state"] == "cancelled"
    del lab.office.behaviour["relay"]
    assert lab.deliver() == 0
    assert lab.decide(identify())[-1].reason == "scheduled"


def test_action_on_a_revision_that_passed_is_refused(lab: Lab, api: Api, invitation: str) -> None:
    revision = api.get(f"/invitations/{invitation}")["revision"]
    assert api("POST", f"/invitations/{invitation}/hold", revision=revision).json["revision"] == revision + 1
    answer = api("POST", f"/invitations/{invitation}/cancel", revision=revision)
    assert answer.status_code == 409
    assert answer.json["message"] == f"The invitation changed since revision {revision}: it is held now"
    assert lab.states() == ["held"]


def test_attempts_are_told(lab: Lab, api: Api, invitation: str) -> None:
    in_doubt(lab, api, invitation)
    shown = api.get(f"/invitations/{invitation}")
    assert [(one["channel"], one["outcome"], one["detail"]) for one in shown["history"]] == [
        ("relay", "unknown", "the connection broke")
    ]
    assert shown["sentence"] == "the connection broke"


def test_invitations_of_a_survey_that_is_out_of_use_keep_its_name(lab: Lab, api: Api, invitation: str) -> None:
    api("DELETE", "/surveys/onboarding")
    shown = api.get(f"/invitations/{invitation}")
    assert (shown["survey"], shown["sentence"]) == ("onboarding", "The survey was taken out of use.")


def test_list_is_filtered_by_survey_state_and_person(lab: Lab, api: Api) -> None:
    lab.decide(identify("u1"), identify("u2"), identify("u3"))
    lab.deliver()
    lab.set(min_delay_days=1)
    lab.decide(identify("u4", createdAt=lab.clock.moment.isoformat()))
    emails = {state: [one["email"] for one in api.all("/invitations", state=state)] for state in ("sent", "scheduled")}
    assert {state: sorted(found) for state, found in emails.items()} == {
        "sent": [f"u{number}@acme.example" for number in (1, 2, 3)],
        "scheduled": ["u4@acme.example"],
    }
    assert len(api.all("/invitations", survey="onboarding")) == 4
    person = api.all("/people", who="u2")[0]["id"]
    assert [one["email"] for one in api.all("/invitations", person=person)] == ["u2@acme.example"]
    assert api.all("/invitations", person=person, state="held") == []
    assert api("GET", "/invitations", survey="unheard-of").status_code == 404
